import type { SignatureLists } from './input.js';

/** The lists, ready for use. */
export interface CompiledLists {
  irrelevant: RegExp | undefined;
  prefix: RegExp | undefined;
  sentinels: ReadonlySet<string>;
  lineNumbers: RegExp | undefined;
}

const compiled = new WeakMap<SignatureLists, CompiledLists>();

/** Any of them, from the start of the text. */
function anyOf(expressions: readonly string[]): RegExp | undefined {
  return expressions.length === 0 ? undefined : new RegExp(`^(?:${expressions.join('|')})`);
}

export function compileLists(lists: SignatureLists): CompiledLists {
  let result = compiled.get(lists);
  if (result === undefined) {
    result = {
      irrelevant: anyOf(lists.irrelevant),
      prefix: anyOf(lists.prefix),
      sentinels: new Set(lists.sentinels),
      lineNumbers: anyOf(lists.lineNumbers),
    };
    compiled.set(lists, result);
  }
  return result;
}

/** Frames without a function: that there are many of them in a row says nothing. */
function mergesWithItself(frame: string): boolean {
  return (
    frame.endsWith('.dll') ||
    frame.endsWith('.so') ||
    frame === 'XUL' ||
    frame === '<name omitted>' ||
    frame.startsWith('<unknown in')
  );
}

/**
 * Which frames tell one crash from another: from the first sentinel on, without the irrelevant ones, up to the first that
 * needs no other beside it. Where nothing is left, the first frame of all; undefined if there is none.
 */
export function selectFrames(frames: readonly string[], lists: CompiledLists): string | undefined {
  const sentinel = frames.findIndex((frame) => lists.sentinels.has(frame));
  const candidates = sentinel < 0 ? frames : frames.slice(sentinel);
  const chosen: string[] = [];
  for (const frame of candidates) {
    if (frame === '' || lists.irrelevant?.test(frame)) continue;
    if (frame === chosen.at(-1) && mergesWithItself(frame)) continue;
    chosen.push(frame);
    if (!lists.prefix?.test(frame)) break;
  }
  return chosen.length > 0 ? chosen.join(' | ') : candidates[0] || undefined;
}
