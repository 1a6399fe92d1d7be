import { leafName } from './platform.js';
import type { Stack, StackFrame } from './stack.js';

/** One line of a stack for people: a frame, or a call that was inlined into it. */
export interface FrameLine {
  /** ` 0  app!main [main.c : 12 + 0x4]` */
  readonly text: string;
  readonly function: string | undefined;
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** A call that was inlined into `frame`. */
  readonly inlined: boolean;
  readonly frame: StackFrame;
}

/** A stack in lines, innermost first, as minidump-stackwalk numbers them: calls that were inlined count. */
export function frameLines({ frames }: Pick<Stack, 'frames'>): FrameLine[] {
  const lines: FrameLine[] = [];
  const add = (line: Omit<FrameLine, 'text'>, place: string) =>
    lines.push({ text: `${String(lines.length).padStart(2)}  ${place}`, ...line });
  for (const frame of frames) {
    for (const inline of frame.inlines) {
      const { function: name, file, line } = inline;
      add({ function: name, file, line, inlined: true, frame }, inPlace(frame, name, file, line));
    }
    const { function: name, file, line } = frame;
    add({ function: name, file, line, inlined: false, frame }, placeText(frame));
  }
  return lines;
}

function inPlace(
  { module }: StackFrame,
  name: string,
  file: string | undefined,
  line: number | undefined,
): string {
  const place = file === undefined ? '' : ` [${leafName(file)}${line === undefined ? '' : ` : ${line}`}]`;
  return `${module === undefined ? '' : `${module.name}!`}${name}${place}`;
}

/** As minidump-stackwalk, offsets are those of the address that is looked up, one less than Breakpad's, which prints the return address. */
function placeText(frame: StackFrame): string {
  const { lookupAddress: address, module, functionStart, file, line, lineStart, unloaded } = frame;
  if (module === undefined) {
    const gone = unloaded.map(
      ({ name, offsets }) => ` (unloaded ${name}@${offsets.map((offset) => plainHex(offset)).join('|')})`,
    );
    return `${plainHex(address)}${gone.join('')}`;
  }
  if (frame.function === undefined || functionStart === undefined)
    return `${module.name} + ${plainHex(address - module.base)}`;
  const name = `${module.name}!${frame.function}`;
  if (file === undefined || line === undefined) return `${name} + ${plainHex(address - functionStart)}`;
  return `${name} [${leafName(file)} : ${line} + ${plainHex(address - (lineStart ?? functionStart))}]`;
}

const plainHex = (value: bigint): string => `0x${value.toString(16)}`;
