import type { Task } from '../io/index.js';
import type { ElfFile } from './elf-file.js';

/** Finds the files that a file with debug information names: split DWARF, packages of it. */
export interface CompanionFiles {
  /**
   * What `take` makes of the first file of this name that it does not answer with undefined.
   *
   * @param path as it is named: absolute, or relative to the folder of the file that names it
   */
  find<T>(path: string, take: (file: ElfFile) => Task<T | undefined>): Task<Companion<T> | undefined>;
}

/** What was made of a file, which stays open until it is closed. */
export interface Companion<T> {
  readonly value: T;
  close(): void;
}
