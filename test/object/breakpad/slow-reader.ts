import type { FunctionAt, WindowsFrame } from '../../../src/object/debug-information.js';

interface Range {
  start: number;
  size: number;
}

interface SlowLine extends Range {
  line: number;
  file: number;
}

interface SlowInline extends Range {
  depth: number;
  callLine: number;
  callFile: number;
  origin: number;
}

interface SlowFunction extends Range {
  name: string;
  parameterSize: number;
  lines: SlowLine[];
  inlines: SlowInline[];
}

/**
 * A reader of good .sym files that shares nothing with src: lines of text, regular expressions, and searches from one end to
 * the other.
 */
export class SlowSym {
  readonly functions: SlowFunction[];
  readonly publics: { address: number; parameterSize: number; name: string }[] = [];
  readonly cfi: (Range & { rules: string; deltas: { address: number; rules: string }[] })[];
  readonly windows: Record<'4' | '0', WindowsFrame[]> = { '4': [], '0': [] };
  readonly #files = new Map<number, string>();
  readonly #origins = new Map<number, string>();

  constructor(text: string) {
    const functions: SlowFunction[] = [];
    const cfi: typeof this.cfi = [];
    const hex = (digits: string | undefined) => Number.parseInt(digits!, 16);
    const range = (start: string | undefined, size: string | undefined) => ({
      start: hex(start),
      size: hex(size),
    });
    const records: [RegExp, (...fields: string[]) => unknown][] = [
      [/^FILE (\d+) (.*)$/, (id, name) => this.#files.set(Number(id), name!)],
      [/^INLINE_ORIGIN (\d+) (.*)$/, (id, name) => this.#origins.set(Number(id), name!)],
      [
        /^FUNC (?:m )?(\w+) (\w+) (\w+) (.*)$/,
        (start, size, parameters, name) =>
          functions.push({
            ...range(start, size),
            parameterSize: hex(parameters),
            name: name!,
            lines: [],
            inlines: [],
          }),
      ],
      [
        /^PUBLIC (?:m )?(\w+) (\w+) (.*)$/,
        (address, parameters, name) =>
          this.publics.push({ address: hex(address), parameterSize: hex(parameters), name: name! }),
      ],
      [
        /^INLINE (\d+) (\d+) (\d+) (\d+) (.*)$/,
        (depth, callLine, callFile, origin, ranges) => {
          const numbers = { depth: Number(depth), callLine: Number(callLine) };
          for (const [, start, size] of ranges!.matchAll(/(\w+) (\w+)/g)) {
            const call = { ...numbers, callFile: Number(callFile), origin: Number(origin) };
            functions.at(-1)!.inlines.push({ ...range(start, size), ...call });
          }
        },
      ],
      [
        /^STACK CFI INIT (\w+) (\w+) (.*)$/,
        (start, size, rules) => cfi.push({ ...range(start, size), rules: rules!, deltas: [] }),
      ],
      [
        /^STACK CFI (\w+) (.*)$/,
        (address, rules) => cfi.at(-1)!.deltas.push({ address: hex(address), rules: rules! }),
      ],
      [/^STACK WIN ([04]) (.*)$/, (type, rest) => this.#addWindows(type as '0' | '4', rest!)],
      [
        /^([0-9a-f]+) ([0-9a-f]+) (\d+) (\d+)$/,
        (start, size, line, file) =>
          functions.at(-1)!.lines.push({ ...range(start, size), line: Number(line), file: Number(file) }),
      ],
    ];
    for (const line of text.split('\n').map((one) => one.replace(/\r+$/, ''))) {
      for (const [pattern, add] of records) {
        const match = pattern.exec(line);
        if (!match) continue;
        add(...match.slice(1));
        break;
      }
    }
    for (const one of functions) one.lines = apart(one.lines);
    this.functions = apart(functions);
    this.cfi = apart(cfi);
    this.windows['4'] = apart(this.windows['4']);
    this.windows['0'] = apart(this.windows['0']);
  }

  #addWindows(type: '0' | '4', text: string): void {
    const words = text.split(' ');
    const numbers = words.slice(0, 9).map((word) => Number.parseInt(word, 16));
    const [start, size, prologSize, epilogSize, parameterSize, saved, local, stack] = numbers as [
      ...[number, number, number, number, number, number, number, number],
    ];
    const rest = words.slice(9).join(' ');
    const list = this.windows[type];
    const last = list.at(-1);
    if (size === 0) return;
    if (last && start < last.start + last.size && start + size > last.start) {
      if (start > last.start) (last as { size: number }).size = start - last.start;
      else if (start !== last.start || size !== last.size) return;
    }
    list.push({
      ...{ start, size, prologSize, epilogSize, parameterSize, savedRegisterSize: saved },
      localSize: local,
      maxStackSize: stack,
      program: type === '4' ? rest : undefined,
      allocatesBasePointer: type === '0' && rest === '1',
    });
  }

  windowsFrameAt(rva: number): WindowsFrame | undefined {
    return this.windows['4'].find(covers(rva)) ?? this.windows['0'].find(covers(rva));
  }

  cfiRulesAt(rva: number): string[] | undefined {
    const found = this.cfi.find(covers(rva));
    if (!found) return undefined;
    const deltas = found.deltas.filter(({ address }) => address <= rva);
    return [found.rules, ...deltas.sort((a, b) => a.address - b.address).map(({ rules }) => rules)];
  }

  functionAt(rva: number): FunctionAt | undefined {
    const found = this.functions.find(covers(rva));
    if (!found) return this.#publicAt(rva);
    const line = found.lines.find(covers(rva));
    const atLine = { file: this.#files.get(line?.file ?? -1), line: line?.line || undefined };
    const chain: SlowInline[] = [];
    for (;;) {
      const below = found.inlines.filter(({ depth, start }) => depth === chain.length && start <= rva);
      const nearest = below.sort((a, b) => a.start - b.start).at(-1);
      if (!nearest || !covers(rva)(nearest)) break;
      chain.push(nearest);
    }
    // Where each call was made, the innermost place last.
    const places = [
      ...chain.map(({ callFile, callLine }) => ({
        file: this.#files.get(callFile),
        line: callLine || undefined,
      })),
      atLine,
    ];
    return {
      name: found.name,
      start: found.start,
      parameterSize: this.windowsFrameAt(rva)?.parameterSize ?? found.parameterSize,
      lineStart: (chain[0] ?? line)?.start,
      ...places[0]!,
      inlines: chain
        .map(({ origin }, i) => ({ name: this.#origins.get(origin)!, ...places[i + 1]! }))
        .reverse(),
    };
  }

  #publicAt(rva: number): FunctionAt | undefined {
    let found: (typeof this.publics)[number] | undefined;
    for (const one of this.publics) {
      if (one.address > rva || (found && one.address < found.address)) continue;
      const same = found && one.address === found.address;
      if (same && (one.parameterSize - found!.parameterSize || (one.name < found!.name ? -1 : 1)) < 0) {
        continue;
      }
      found = one;
    }
    if (!found || this.functions.some(({ start }) => start >= found.address && start <= rva))
      return undefined;
    const { name, address: start, parameterSize } = found;
    return {
      ...{ name, start, parameterSize, lineStart: undefined },
      ...{ file: undefined, line: undefined, inlines: [] },
    };
  }
}

function covers(rva: number): (range: Range) => boolean {
  return ({ start, size }) => rva >= start && rva < start + size;
}

/** Ranges that do not overlap: of those that do, the one that starts later goes, or the longer one. */
function apart<T extends Range>(ranges: readonly T[]): T[] {
  let end = 0;
  return ranges
    .filter(({ size }) => size > 0)
    .sort((a, b) => a.start - b.start || a.size - b.size)
    .filter(({ start, size }) => {
      if (start < end) return false;
      end = start + size;
      return true;
    });
}
