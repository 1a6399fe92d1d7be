import { fileURLToPath } from 'node:url';

/** What Windows and Node need to start. Nothing else: NODE_OPTIONS may start an inspector. */
const ENVIRONMENT = [
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

/** The environment that such a program gets. */
export function helperEnvironment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of ENVIRONMENT) if (process.env[name] !== undefined) env[name] = process.env[name];
  if (process.versions.electron !== undefined) env.ELECTRON_RUN_AS_NODE = '1';
  return env;
}
