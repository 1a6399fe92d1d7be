import { closeSync, constants, fstatSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { hiddenName } from '../../node/hidden-name.js';
import { readSome } from '../../node/read.js';
import type { Kind } from './pace.js';

export const PACE_FILE = '.mdmp-pace.json';

/** Enough for some hundred kinds. */
const LARGEST = 64 * 1024;
const MOST_KINDS = 100;

/**
 * What is known of crashes, kept in the folder of the dumps: a service that crashes at its start takes its watcher with it, and the
 * next watcher must not begin from nothing. Whatever fails here costs the memory of it, not the dump.
 */
export class PaceFile {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  read(name: string, trigger: string): Kind | undefined {
    return this.#kinds().find((kind) => kind.name === name && kind.trigger === trigger);
  }

  /** @param calm kinds that nothing was seen of for as long are left out, in milliseconds */
  write(kind: Kind, calm: number): void {
    const others = this.#kinds().filter(
      (one) =>
        (one.name !== kind.name || one.trigger !== kind.trigger) &&
        (one.leftOut > 0 || kind.seen - one.seen < calm),
    );
    const kinds = [kind, ...others].sort((a, b) => b.seen - a.seen).slice(0, MOST_KINDS);
    const temporary = hiddenName(this.#folder);
    let made = false;
    try {
      const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
      const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
      made = true;
      try {
        writeSync(fd, `${JSON.stringify({ version: 1, kinds })}\n`);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, join(this.#folder, PACE_FILE));
      made = false;
    } catch {
      // The folder is gone, or full, or may not be written to: the dump will say so.
    }
    try {
      if (made) unlinkSync(temporary);
    } catch {}
  }

  #kinds(): Kind[] {
    let fd: number | undefined;
    try {
      const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
      fd = openSync(join(this.#folder, PACE_FILE), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      const stat = fstatSync(fd);
      if (!stat.isFile() || stat.uid !== process.geteuid?.() || stat.size > LARGEST) return [];
      const bytes = Buffer.alloc(stat.size);
      const read = readSome(fd, bytes, 0, bytes.length, 0);
      const { kinds } = JSON.parse(bytes.toString('utf8', 0, read)) as { kinds: unknown };
      return Array.isArray(kinds) ? kinds.filter(isKind) : [];
    } catch {
      return []; // there is none, or somebody has been at it
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }
}

function isKind(value: unknown): value is Kind {
  const { name, trigger, last, seen, dumps, leftOut } = (value ?? {}) as Record<string, unknown>;
  const numbers = [last, seen, dumps, leftOut];
  return (
    typeof name === 'string' &&
    typeof trigger === 'string' &&
    numbers.every((one) => Number.isSafeInteger(one) && (one as number) >= 0)
  );
}
