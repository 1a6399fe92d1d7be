/** A frame as Breakpad's tools print it. */
export interface PrintedFrame {
  /** How it was found, in the words of the text. */
  trust: string;
  module: string;
  function: string;
  /** Whole path. */
  file: string;
  line: string;
  offset: bigint;
  /** As texts: rip 0x0000000000401d72 */
  registers: Record<string, string>;
}

/** Threads of `minidump_stackwalk FILE`: of each frame how it was found, and its registers. By the index of the thread. */
export function threadsInText(text: string): Map<number, Pick<PrintedFrame, 'trust' | 'registers'>[]> {
  const threads = new Map<number, Pick<PrintedFrame, 'trust' | 'registers'>[]>();
  const end = text.search(/^Loaded modules:$/m);
  const parts = text.slice(0, end < 0 ? undefined : end).split(/^Thread (\d+)(?: \(.*\))?$/m);
  for (let i = 1; i < parts.length; i += 2) {
    const frames: Pick<PrintedFrame, 'trust' | 'registers'>[] = [];
    let registers: Record<string, string> = {};
    for (const line of parts[i + 1]!.split('\n')) {
      const found = /^ {4}Found by: (.*)$/.exec(line);
      if (found) {
        frames.push({ trust: found[1]!, registers });
        registers = {};
      } else if (/^ {4,5} *\w+ = 0x/.test(line)) {
        for (const [, name, value] of line.matchAll(/(\w+) = (0x[0-9a-f]+)/g)) registers[name!] = value!;
      }
    }
    threads.set(Number(parts[i]), frames);
  }
  return threads;
}

/** The frames of `minidump_stackwalk -m`, by the index of the thread. */
export function framesInLines(text: string): Map<number, Omit<PrintedFrame, 'trust' | 'registers'>[]> {
  const threads = new Map<number, Omit<PrintedFrame, 'trust' | 'registers'>[]>();
  const [, frames = ''] = text.split(/\n\n/, 2);
  for (const row of frames.split('\n')) {
    // Names of functions may hold the separator.
    const [, thread, module, name, file, line, offset] =
      /^(\d+)\|\d+\|([^|]*)\|(.*)\|([^|]*)\|(\d*)\|0x([0-9a-f]+)$/.exec(row) ?? [];
    if (thread === undefined) continue;
    const list = threads.get(Number(thread)) ?? [];
    threads.set(Number(thread), list);
    list.push({
      ...{ module: module!, function: name!, file: file!, line: line! },
      offset: BigInt(`0x${offset}`),
    });
  }
  return threads;
}

/** Both together. */
export function printedStacks(text: string, lines: string): Map<number, PrintedFrame[]> {
  const found = threadsInText(text);
  const stacks = new Map<number, PrintedFrame[]>();
  for (const [thread, frames] of framesInLines(lines)) {
    stacks.set(
      thread,
      frames.map((frame, i) => ({ ...frame, ...found.get(thread)![i]! })),
    );
  }
  return stacks;
}
