import { readFileSync } from 'node:fs';
import { localStamp, nameWord } from '../node/dump-name.js';
import { processName } from '../targets/windows/processes.js';

/** `node.4242.20260131T120000.dmp`, in local time as `ls` shows it. */
export function defaultName(pid: number): string {
  let name = '';
  try {
    name =
      process.platform === 'win32' ? (processName(pid) ?? '') : readFileSync(`/proc/${pid}/comm`, 'utf8');
  } catch {} // no /proc, or no such process: then the dump says so
  return `${nameWord(name, 'process')}.${pid}.${localStamp(new Date())}.dmp`;
}
