import { MinidumpError, runSync, type Task } from '../../src/io/index.js';
import type { CfiRow, Rule, WindowsFrame } from '../../src/object/index.js';
import {
  type Frame,
  type TraceEvent,
  type UnwindCpu,
  type UnwindLookups,
  type UnwindOptions,
  type UnwindSystem,
  unwind,
  type Walk,
} from '../../src/unwind/index.js';

/** What a stack has in one word: a value, the address of a label (`'@name'`), or no word at all but a label (`'name:'`). */
export type Word = bigint | string;

export interface SceneModule {
  base: bigint;
  size: number;
  name: string;
}

/** A piece of code, and what symbols say of it. Without any the module that it is in has no symbols. */
export interface Code {
  start: bigint;
  size: number;
  /** Empty for a gap: the module has symbols, and nothing is here. */
  name?: string;
  cfi?: CfiRow;
  windows?: WindowsFrame;
  parameterSize?: number;
  /** Symbols that cannot be read. */
  broken?: boolean;
}

export interface Scene {
  cpu: UnwindCpu;
  system?: UnwindSystem;
  /** From the lowest address, `stackAt`. */
  stack: Word[];
  stackAt?: bigint;
  /** Values, or labels of the stack. */
  registers: Record<string, Word>;
  modules?: SceneModule[];
  code?: Code[];
  options?: UnwindOptions;
}

/** Two modules of 64 KiB, below 4 GiB: they serve all processors. */
export const one: SceneModule = { base: 0x4000_0000n, size: 0x10000, name: 'one' };
export const two: SceneModule = { base: 0x5000_0000n, size: 0x10000, name: 'two' };

const wordOf = { x86: 4, arm: 4, amd64: 8, arm64: 8 } as const;

export interface SceneWalk extends Walk<SceneModule> {
  /** Address of a label. */
  at(label: string): bigint;
  trace: TraceEvent[];
  /** How often memory was read. */
  reads: number;
}

/** Lays the stack out and walks it. */
export function walk(scene: Scene): SceneWalk {
  const size = wordOf[scene.cpu];
  const stackAt = scene.stackAt ?? 0x8000_0000n;
  const labels = new Map<string, bigint>();
  let address = stackAt;
  for (const word of scene.stack) {
    if (typeof word === 'string' && word.endsWith(':')) labels.set(word.slice(0, -1), address);
    else address += BigInt(size);
  }
  const at = (label: string) => {
    const found = labels.get(label);
    if (found === undefined) throw new Error(`no label ${label}`);
    return found;
  };
  const value = (word: Word) => (typeof word === 'string' ? at(word.slice(1)) : word);
  const bytes = new Map<bigint, number>();
  address = stackAt;
  for (const word of scene.stack) {
    if (typeof word === 'string' && word.endsWith(':')) continue;
    for (let i = 0; i < size; i++) bytes.set(address++, Number((value(word) >> BigInt(8 * i)) & 0xffn));
  }
  let reads = 0;
  const memory = {
    read(from: bigint, length: number) {
      reads++;
      let sum = 0n;
      for (let i = length - 1; i >= 0; i--) {
        const byte = bytes.get(from + BigInt(i));
        if (byte === undefined) return undefined;
        sum = sum * 256n + BigInt(byte);
      }
      return sum;
    },
  };
  const modules = scene.modules ?? [one, two];
  const trace: TraceEvent[] = [];
  const result = runSync(
    unwind(
      {
        cpu: scene.cpu,
        system: scene.system ?? 'linux',
        registers: new Map(Object.entries(scene.registers).map(([name, word]) => [name, value(word)])),
        memory,
        highestModuleEnd: modules.reduce(
          (end, { base, size }) => (base > end ? base + BigInt(size) : end),
          0n,
        ),
      },
      lookupsOf(modules, scene.code ?? []),
      { ...scene.options, trace: (event) => trace.push(event) },
    ),
  );
  return { ...result, at, trace, reads };
}

function lookupsOf(modules: readonly SceneModule[], code: readonly Code[]): UnwindLookups<SceneModule> {
  const inside = (address: bigint, base: bigint, size: number) =>
    address >= base && address < base + BigInt(size);
  const codeAt = (address: bigint) => {
    const found = code.find(({ start, size }) => inside(address, start, size));
    if (found?.broken) throw new MinidumpError('malformed', 'symbols: not a record');
    return found;
  };
  return {
    moduleAt: (address) => modules.find(({ base, size }) => inside(address, base, size)),
    *cfiAt(_module, address): Task<CfiRow | undefined> {
      return codeAt(address)?.cfi;
    },
    *windowsFrameAt(_module, address): Task<WindowsFrame | undefined> {
      return codeAt(address)?.windows;
    },
    *isCode(module, address): Task<boolean | undefined> {
      if (!code.some(({ start }) => inside(start, module.base, module.size))) return undefined;
      return Boolean(codeAt(address)?.name);
    },
    *parameterSizeAt(_module, address): Task<number> {
      return codeAt(address)?.parameterSize ?? 0;
    },
  };
}

/** Rules as closures: `cfa: reg('rsp', 16n)`. */
export const reg =
  (name: string, offset = 0n): Rule =>
  (frame) => {
    const value = frame.register(name);
    return value === undefined ? undefined : value + offset;
  };
/** What is saved at an offset from the canonical frame address. */
export const saved =
  (offset: bigint, size: 4 | 8 = 8): Rule =>
  (frame, cfa) =>
    cfa === undefined ? undefined : frame.read(cfa + offset, size);
export const value =
  (constant: bigint): Rule =>
  () =>
    constant;
export const fails: Rule = () => undefined;

export function row(
  cfa: Rule,
  returnAddress: Rule,
  registers: Record<string, Rule> = {},
  kind: { signalFrame?: boolean; outermost?: boolean } = {},
): CfiRow {
  return {
    cfa,
    returnAddress,
    registers: new Map(Object.entries(registers)),
    signalFrame: kind.signalFrame ?? false,
    outermost: kind.outermost ?? false,
  };
}

/** A frame as a line of text: trust, where it is looked up, and what is known of its registers. */
export function lines(frames: readonly Frame[]): string[] {
  return frames.map(({ trust, lookupAddress, registers }) => {
    const known = [...registers]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, word]) => `${name}=${word.toString(16)}`);
    return `${trust} ${lookupAddress.toString(16)}: ${known.join(' ')}`;
  });
}

export const trusts = (frames: readonly Frame[]): string[] => frames.map(({ trust }) => trust);
export const instructions = (frames: readonly Frame[]): bigint[] =>
  frames.map(({ instruction }) => instruction);
/** So many words that are no code. */
export const filler = (count: number): bigint[] => Array.from({ length: count }, () => 0xdadan);
