import { readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FileSource } from './file-source.js';

const MAX_LINKS = 40;

/**
 * Opens files below a folder that stands for the root of another machine: no path and no symbolic link leads out of it, and
 * nothing but regular files is opened. Undefined where there is none.
 */
export function openBelow(root: string): (path: string) => FileSource | undefined {
  return (path) => {
    try {
      const file = resolveBelow(root, path);
      if (file === undefined || !statSync(file).isFile()) return undefined;
      return new FileSource(file);
    } catch {
      return undefined;
    }
  };
}

/** Follows symbolic links as a process would whose root that folder is. */
function resolveBelow(root: string, path: string): string | undefined {
  const left = path.split('/');
  let done: string[] = [];
  for (let links = 0; left.length > 0; ) {
    const part = left.shift()!;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      done.pop();
      continue;
    }
    const target = linkAt(join(root, ...done, part));
    if (target === undefined) {
      done.push(part);
      continue;
    }
    if (++links > MAX_LINKS) return undefined;
    if (target.startsWith('/')) done = [];
    left.unshift(...target.split('/'));
  }
  return join(root, ...done);
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
