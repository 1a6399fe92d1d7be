import { closeSync, readdirSync, readlinkSync } from 'node:fs';

/** The way to the process that has started this one. */
const CHANNEL = 3;

/**
 * Closes what came along from the process that has started this one, though nobody wanted it: descriptors that whoever started that process
 * had left open, and did not mark to be closed. Somebody may wait for the end of a pipe, or for a lock.
 */
export function closeInherited(parent: number): void {
  const theirs = new Set(descriptorsOf(parent).map(([, leads]) => leads));
  for (const [fd, leads] of descriptorsOf('self')) {
    // What Node makes for itself is nobody else's, and looks alike in all processes.
    if (fd <= CHANNEL || /^(anon_inode:|\/dev\/)/.test(leads) || !theirs.has(leads)) continue;
    try {
      closeSync(fd);
    } catch {
      // It was the folder that was just read.
    }
  }
}

function descriptorsOf(pid: number | 'self'): [fd: number, leads: string][] {
  const folder = `/proc/${pid}/fd`;
  const found: [number, string][] = [];
  try {
    for (const fd of readdirSync(folder)) {
      try {
        found.push([Number(fd), readlinkSync(`${folder}/${fd}`)]);
      } catch {
        // Closed meanwhile.
      }
    }
  } catch {
    // It has ended.
  }
  return found;
}
