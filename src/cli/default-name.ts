import { readFileSync } from 'node:fs';

/** `node.4242.20260131T120000.dmp`, in local time as `ls` shows it. */
export function defaultName(pid: number): string {
  let name = 'process';
  try {
    name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {} // no /proc, or no such process: then the dump says so
  const safe = name.replaceAll(/[^\w.-]+/g, '_').replace(/^[.-]+/, '');
  const now = new Date();
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  const stamp = local.toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  return `${safe || 'process'}.${pid}.${stamp}.dmp`;
}
