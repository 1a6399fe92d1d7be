/** What llvm-readobj says of the unwind data of PE files, as values. */
import { readobj } from './windows-programs.js';

export interface X64Entry {
  start: number;
  end: number;
  version: number;
  prologSize: number;
  /** As it is printed: `RBP`; undefined where there is none. */
  frameRegister: string | undefined;
  /** As they are printed, `0x10: PUSH_NONVOL reg=RBX`, without those of vector registers. */
  codes: string[];
  /** Where the entry begins that it is chained to. */
  chained: number | undefined;
}

const numberIn = (text: string | undefined) => (text === undefined ? undefined : Number(text));
const rvaOf = (text: string, name: string, base: number) =>
  Number(new RegExp(`${name}: .*?\\(?(0x[0-9A-F]+)\\)?$`, 'm').exec(text)![1]) - base;

export async function x64Entries(path: string, base: number): Promise<X64Entry[]> {
  return (await entries(path)).map((text) => {
    const [head, chained] = text.split(/^\s*Chained \{$/m);
    const frame = /FrameRegister: (\w+)/.exec(head!)?.[1];
    return {
      start: rvaOf(head!, 'StartAddress', base),
      end: rvaOf(head!, 'EndAddress', base),
      version: Number(/Version: (\d+)/.exec(head!)![1]),
      prologSize: Number(/PrologSize: (\d+)/.exec(head!)![1]),
      frameRegister: frame,
      codes: [...head!.matchAll(/^\s*(0x[0-9A-F]{2}: .*)$/gm)]
        .map(([, code]) => code!)
        .filter((code) => !code.includes('XMM')),
      chained: chained === undefined ? undefined : rvaOf(chained, 'StartAddress', base),
    };
  });
}

export interface Arm64Entry {
  start: number;
  length: number;
  packed: boolean;
  /** Last instruction first, as they are printed: `stp x29, lr, [sp, #-16]!`. */
  prologue: string[];
  /** `start` in bytes, and instructions in their order. Of packed entries it prints none. */
  epilogues: { start: number; operations: string[] }[];
}

export async function arm64Entries(path: string, base: number): Promise<Arm64Entry[]> {
  return (await entries(path)).map((text) => {
    const length = Number(/FunctionLength: (\d+)/.exec(text)![1]);
    const list = (part: string | undefined) =>
      (part ?? '')
        .split('\n')
        .map((line) => line.replace(/^.*; /, '').trim())
        .filter((line) => line !== '' && line !== 'end');
    const inside = (name: string, from: string) =>
      new RegExp(`^( *)${name} \\[\\n([^]*?)^\\1\\]`, 'm').exec(from)?.[2];
    const prologue = list(inside('Prologue', text));
    const single = inside('Epilogue', text);
    const offset = numberIn(/EpilogueOffset: (\d+)/.exec(text)?.[1]);
    const scopes = (inside('EpilogueScopes', text) ?? '').split(/EpilogueScope \{/).slice(1);
    const epilogues = scopes.map((scope) => ({
      start: Number(/StartOffset: (\d+)/.exec(scope)![1]) * 4,
      operations: list(inside('Opcodes', scope)),
    }));
    if (offset !== undefined) {
      // Where it shares the codes of the prologue they are not printed once more.
      const operations = single === undefined ? prologue : list(single);
      epilogues.push({ start: length - (operations.length + 1) * 4, operations });
    }
    return {
      start: rvaOf(text, 'Function', base),
      length,
      packed: /^ *CR: /m.test(text),
      prologue,
      epilogues,
    };
  });
}

async function entries(path: string): Promise<string[]> {
  const text = await readobj(path, '--unwind');
  return text.split(/^ {2}RuntimeFunction \{$/m).slice(1);
}
