import { stat } from 'node:fs/promises';
import type { Condition, ConditionContext } from './condition.js';
import { FollowedFile } from './followed-file.js';
import type { Readings } from './readings.js';

/** A program goes on writing into the old file until it notices that its log was rotated. */
const RETIRED_MS = 60_000;
/** So much of a line is told. */
const MAX_TEXT = 200;

/**
 * Lines that are written into a file after the watch began. A file that comes up later, or takes the place of the old one, is
 * read from its start; the old one is followed for a minute more.
 */
export class LogCondition implements Condition {
  readonly #path: string;
  readonly #pattern: RegExp;
  readonly #context: ConditionContext;
  #current: FollowedFile | undefined;
  #retired: { file: FollowedFile; until: number }[] = [];
  #looking = false;
  #disposed = false;
  // Of one look.
  #matches = 0;
  #first = '';

  constructor(path: string, pattern: RegExp, context: ConditionContext) {
    this.#path = path;
    // Flags that make `test` go on from where it was would skip lines.
    this.#pattern = new RegExp(pattern.source, pattern.flags.replaceAll(/[gy]/g, ''));
    this.#context = context;
    try {
      this.#current = FollowedFile.openAtEnd(path, this.#onLine);
    } catch (error) {
      this.#complain(error);
    }
  }

  /** The file system may answer slowly: nobody waits for it. */
  look(_readings: Readings, now: number): undefined {
    if (this.#looking || this.#disposed) return;
    this.#looking = true;
    this.#read(now)
      .catch((error) => this.#complain(error))
      .finally(() => {
        this.#looking = false;
        if (this.#disposed) void this.#close();
      });
  }

  async #read(now: number): Promise<void> {
    this.#matches = 0;
    try {
      const atPath = await stat(this.#path).catch((error: NodeJS.ErrnoException) => {
        // Between two files of a rotation there may be none.
        if (error.code !== 'ENOENT') throw error;
        return undefined;
      });
      for (const { file } of this.#retired) await file.read();
      await this.#current?.read();
      if (atPath !== undefined && this.#current?.is(atPath) !== true) {
        if (this.#current !== undefined) this.#retired.push({ file: this.#current, until: now + RETIRED_MS });
        this.#current = undefined;
        this.#current = await FollowedFile.openAtStart(this.#path, this.#onLine);
        await this.#current.read();
      }
      const over = this.#retired.filter(({ until }) => now >= until);
      this.#retired = this.#retired.filter(({ until }) => now < until);
      for (const { file } of over) await file.end();
    } finally {
      if (this.#matches > 0 && !this.#disposed) this.#tell();
    }
  }

  readonly #onLine = (line: string): void => {
    if (!this.#pattern.test(line)) return;
    if (this.#matches === 0) this.#first = line;
    this.#matches++;
  };

  #tell(): void {
    const first = this.#first.length > MAX_TEXT ? `${this.#first.slice(0, MAX_TEXT)}…` : this.#first;
    const more = this.#matches > 1 ? ` (and ${this.#matches - 1} more)` : '';
    this.#context.fire({ text: `${this.#path}: ${first}${more}`, value: this.#matches, limit: 1 });
  }

  #complain(error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT')
      this.#context.problem(`the log ${this.#path} cannot be followed: ${code ?? message}`);
  }

  async #close(): Promise<void> {
    const files = [...this.#retired.map(({ file }) => file), ...(this.#current ? [this.#current] : [])];
    this.#retired = [];
    this.#current = undefined;
    for (const file of files) await file.end().catch(() => {});
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#current?.stop();
    for (const { file } of this.#retired) file.stop();
    if (!this.#looking) void this.#close();
  }
}
