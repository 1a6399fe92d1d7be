/**
 * Replaces what stands in brackets, the outermost ones, brackets included. `before` is the text between the last such part and this
 * one. A bracket that is not closed reaches to the end; one that was not opened is a letter like others.
 */
export function replaceEnclosed(
  text: string,
  open: string,
  close: string,
  replace: (before: string, inside: string) => string,
): string {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  let end = 0;
  const take = (to: number) => {
    const before = text.slice(end, start);
    parts.push(before, replace(before, text.slice(start, to)));
    end = to;
  };
  for (let i = 0; i < text.length; i++) {
    if (text[i] === open) {
      if (depth === 0) start = i;
      depth++;
    } else if (text[i] === close && depth > 0) {
      depth--;
      if (depth === 0) take(i + 1);
    }
  }
  if (depth > 0) take(text.length);
  parts.push(text.slice(end));
  return parts.join('');
}

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '{': '}', '[': ']', '<': '>', '`': "'" };

/** The words of a text: what is between spaces that are in no brackets and no `quotes'. */
export function wordsOutsideBrackets(text: string): string[] {
  const words: string[] = [];
  const expected: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const letter = text[i]!;
    const closing = CLOSING[letter];
    if (closing !== undefined) expected.push(closing);
    else if (letter === expected.at(-1)) expected.pop();
    else if (letter === ' ' && expected.length === 0) {
      words.push(text.slice(start, i));
      start = i + 1;
    }
  }
  if (start < text.length) words.push(text.slice(start));
  return words;
}
