// What the kernel says of processes.
import { readdirSync, readFileSync } from 'node:fs';

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function text(file) {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined; // it has ended meanwhile
  }
}

export function threadIds(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

export function descriptors(pid) {
  return readdirSync(`/proc/${pid}/fd`).map(Number);
}

/** Resident memory in bytes. */
export function residentMemory(pid) {
  return Number(/^VmRSS:\s*(\d+)/m.exec(text(`/proc/${pid}/status`) ?? '')?.[1] ?? 0) * 1024;
}

/** The tracer of any of the threads; 0 if there is none. */
export function tracerOf(pid, tid = pid) {
  return Number(/^TracerPid:\t(\d+)/m.exec(text(`/proc/${pid}/task/${tid}/status`) ?? '')?.[1] ?? 0);
}

/** State letter, parent, session and exit signal of a process or thread; undefined once it is gone. */
export function statOf(pid, tid) {
  const stat = text(tid === undefined ? `/proc/${pid}/stat` : `/proc/${pid}/task/${tid}/stat`);
  if (!stat) return undefined;
  const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return {
    name,
    state: fields[0],
    parent: Number(fields[1]),
    session: Number(fields[3]),
    exitSignal: Number(fields[35]),
  };
}

/** The other processes of a session: those that its leader has made, by whatever parent they have now. */
export function sessionOf(leader) {
  const found = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === leader) continue;
    const stat = statOf(pid);
    if (stat?.session === leader) found.push({ pid, ...stat });
  }
  return found;
}
