import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { BytesSource, runSync } from '../../../src/io/index.js';
import { MachFile, type MachFileOptions } from '../../../src/object/macho/index.js';
import { compileWith, temporaryFolder } from '../../support/programs.js';
import { run } from '../../support/run.js';
import { corpusFolder, requireTool, type ToolName } from '../../support/tools.js';

/** What these programs are made with. */
export const machTools = ['clang++-19', 'ld64.lld-19', 'dsymutil-19'] as const;

export const decompress = { inflate: (bytes: Uint8Array) => inflateSync(bytes) };

export function openMach(file: string | Uint8Array, options: MachFileOptions = {}): MachFile {
  const bytes = typeof file === 'string' ? readFileSync(file) : file;
  return runSync(MachFile.open(new BytesSource(bytes), { decompress, ...options }));
}

const macos = join(corpusFolder() ?? '', 'symbolic', 'macos');
export const crash = join(macos, 'crash');
export const crashDebug = join(macos, 'crash.dSYM', 'Contents', 'Resources', 'DWARF', 'crash');
export const crashSym = (name: string) => readFileSync(join(macos, name));

export type MachArchitecture = 'x86_64' | 'arm64' | 'i386';

/** An object file whose functions have DWARF for each row, besides compact unwind information. */
export function machObject(
  architecture: MachArchitecture,
  file: string,
  flags: readonly string[] = [],
): Promise<string> {
  const target = `--target=${architecture}-apple-macos${architecture === 'i386' ? '10.12' : '11'}`;
  const language = file.endsWith('.c') ? ['-x', 'c', '-g', '-Wall', '-Wextra', '-Werror'] : [];
  const frames = ['-fforce-dwarf-frame', '-femit-dwarf-unwind=always', '-fno-stack-protector'];
  return compileWith('clang++-19', file, [target, ...language, ...frames, '-c', ...flags]);
}

/** Linked, and what dsymutil makes of it. */
export async function machProgram(
  architecture: 'x86_64' | 'arm64',
  { file = 'mach-frames.c', flags = ['-O2'], link = [] as readonly string[] } = {},
): Promise<{ module: string; debug: string }> {
  const object = await machObject(architecture, file, flags);
  const module = join(temporaryFolder(), basename(object));
  const platform = ['-arch', architecture, '-platform_version', 'macos', '11', '11'];
  await output('ld64.lld-19', [...platform, '-e', '_main', '-o', module, ...link, object]);
  await output('dsymutil-19', [module]);
  return { module, debug: join(`${module}.dSYM`, 'Contents', 'Resources', 'DWARF', basename(module)) };
}

/** What a tool prints; fails if it does. */
export async function output(tool: ToolName, args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run(requireTool(tool), args);
  if (status !== 0) throw new Error(`${tool} ${args.join(' ')}:\n${stderr}`);
  return stdout.toString();
}
