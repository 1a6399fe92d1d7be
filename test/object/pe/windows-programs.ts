import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BytesSource, runSync } from '../../../src/io/index.js';
import { PeFile } from '../../../src/object/pe/index.js';
import { compileWith } from '../../support/programs.js';
import { run } from '../../support/run.js';
import { requireTool, root } from '../../support/tools.js';

/** Wine's own: with all kinds of frames, and a thousand exports. */
export const ntdll = join(root, '.tools', 'wine', 'drive_c', 'windows', 'system32', 'ntdll.dll');

const SOURCE = 'pe-frames.c';

/** By GCC: unwind data of Windows and DWARF of the same code. */
export const byMingw = (flags: readonly string[]): Promise<string> =>
  compileWith('x86_64-w64-mingw32-gcc', SOURCE, ['-g', ...flags]);

/** By clang and lld as Microsoft's tools would do it, with the path of a PDB; without a C library. */
export const byClang = (cpu: 'x86_64' | 'aarch64', flags: readonly string[] = ['-O2']): Promise<string> =>
  compileWith('clang-19', SOURCE, [
    ...[`--target=${cpu}-pc-windows-msvc`, '-fuse-ld=lld', '-nostdlib', '-ffreestanding', '-fno-builtin'],
    ...['-DFREESTANDING', '-funwind-tables', '-g', '-gcodeview', ...flags],
    '-Wl,/entry:start,/subsystem:console,/debug',
  ]);

export const openPe = (path: string): PeFile => runSync(PeFile.open(new BytesSource(readFileSync(path))));

export async function readobj(path: string, ...flags: readonly string[]): Promise<string> {
  return (await run(requireTool('llvm-readobj-19'), [...flags, path])).stdout.toString();
}

export interface Instruction {
  readonly rva: number;
  readonly text: string;
}

/** All code of a file, by llvm-objdump. */
export async function disassembled(path: string): Promise<Instruction[]> {
  const { stdout } = await run(requireTool('llvm-objdump-19'), ['-d', '--no-show-raw-insn', path]);
  const base = BigInt(openPe(path).headers.imageBase);
  return [...stdout.toString().matchAll(/^\s*([0-9a-f]+):\s+(\S.*?)\s*$/gm)].map(([, at, text]) => ({
    rva: Number(BigInt(`0x${at}`) - base),
    text: text!.replaceAll('\t', ' ').replace(/ *(?:#|\/\/) .*$/, ''),
  }));
}
