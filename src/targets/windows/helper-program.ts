import { fileURLToPath } from 'node:url';

/** The variables that Windows and Node need to start such a program. */
export const HELPER_VARIABLES = [
  'SystemRoot',
  'SystemDrive',
  'windir',
  'PATH',
  'TEMP',
  'TMP',
  'USERPROFILE',
  'LOCALAPPDATA',
  'TZ',
];

/** The file of a program that this package starts: its bundle in dist/cli. This file is in dist/targets/windows, or part of a bundle beside that one. */
export function helperProgram(name: 'windows-dump-helper' | 'windows-guard'): string {
  const here = import.meta.url;
  const folder = here.endsWith('/windows/helper-program.js') ? '../../cli' : '.';
  return fileURLToPath(new URL(`${folder}/${name}.js`, here));
}
