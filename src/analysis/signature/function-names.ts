import { replaceEnclosed, wordsOutsideBrackets } from './nesting.js';

/** `static void* Pool<T>::take(int)` without what stands before the name. */
function withoutReturnType(name: string): string {
  const words = wordsOutsideBrackets(name);
  let first = words.length - 1;
  // Arguments and [clone …] may stand apart from their name: `take (int) [clone .cold.1]`.
  while (first > 0 && /^(?:\(|\[clone)/.test(words[first]!)) first--;
  return words.slice(Math.max(first, 0)).join(' ');
}

/** No name has more of them: `const`, `&`, `&&`. */
const MOST_QUALIFIERS = 4;

/** `foo() const &` is `foo()`; `operator&` is whole. */
function withoutQualifiers(name: string): string {
  let text = name.trimEnd();
  for (let i = 0; i < MOST_QUALIFIERS; i++) {
    if (text.endsWith('&') && !/operator&&?$/.test(text)) text = text.slice(0, -1).trimEnd();
    else if (/[\s)]const$/.test(text)) text = text.slice(0, -'const'.length).trimEnd();
    else break;
  }
  return text;
}

function withCommonSpacing(name: string): string {
  return name.replace(/ (?=[*&,])/g, '').replace(/,(?! )/g, ', ');
}

function numbered(name: string, line: number | null | undefined, lineCounts: RegExp | undefined): string {
  return lineCounts?.test(name) ? `${name}:${line ?? ''}` : name;
}

const collapseRustTypes = (text: string) =>
  replaceEnclosed(text, '<', '>', (_, inside) => (inside.includes(' as ') ? inside : '<T>'));

/** `<T>` for all type arguments, no arguments, no return type, and no hash of the mangling. */
export function rustFunctionName(
  name: string,
  line: number | null | undefined,
  lineCounts: RegExp | undefined,
): string {
  const path = replaceEnclosed(collapseRustTypes(withoutReturnType(name)), '(', ')', () => '');
  return withCommonSpacing(numbered(path, line, lineCounts)).replace(/::h[0-9a-f]+$/i, '');
}

/** A trait of serialization is told apart by what it is of; what is nested deeper than this is not. */
const DEEPEST = 16;

function collapseCppTypes(text: string, depth = 0): string {
  return replaceEnclosed(text, '<', '>', (before, inside) => {
    if (before.endsWith('operator') || inside === '<name omitted>') return inside;
    if (inside.includes(' as ') || inside.includes(' in ')) return inside;
    if (before.endsWith('IPC::ParamTraits') && inside.endsWith('>') && depth < DEEPEST) {
      return `<${collapseCppTypes(inside.slice(1, -1), depth + 1)}>`;
    }
    return '<T>';
  });
}

const collapseCppArguments = (text: string) =>
  replaceEnclosed(text, '(', ')', (before, inside) =>
    inside === '(anonymous namespace)' || before.endsWith('operator') ? inside : '',
  );

/** The same for C++, and for what else is not Rust; the numbers of lambdas and of cold parts go too. */
export function cppFunctionName(
  name: string,
  line: number | null | undefined,
  lineCounts: RegExp | undefined,
): string {
  let text = withoutQualifiers(name);
  if (!text.includes('::operator')) text = withoutReturnType(text);
  text = text.replaceAll("`anonymous namespace'", '(anonymous namespace)').replace(/::\$_\d+::/g, '::$$::');
  text = collapseCppArguments(collapseCppTypes(text));
  if (text.includes('clone .cold')) text = replaceEnclosed(text, '[', ']', () => '').trimEnd();
  return withCommonSpacing(numbered(text, line, lineCounts));
}
