import type { Task } from '../../io/index.js';
import type { SectionData } from '../section-data.js';

/**
 * A file that DWARF is read from: ELF as it is; PE and Mach-O give one of their own. Sections have the names of ELF (`.debug_info`,
 * `.eh_frame`), whatever the file calls them.
 */
export interface DwarfFile {
  /** e_machine of ELF, in files of other formats too: it tells how DWARF numbers the registers. */
  readonly machine: number;
  readonly pointerSize: 4 | 8;
  /** An RVA is an address of this file less this. */
  readonly linkBase: number;
  /** Bytes from there to the end of the module; 0 or undefined where the file does not say. */
  readonly imageSize?: number;
  /** Where a section is loaded; undefined where the file has none of that name. */
  section(name: string): { readonly address: number } | undefined;
  /** The bytes of a section, decompressed; undefined where the file has none of that name, or not its bytes. */
  data(name: string): Task<SectionData | undefined>;
  /** The file that dwz moved into what several share. */
  supplementaryLink?(): Task<{ readonly name: string } | undefined>;
}

/** Where the code of a module is: addresses of its file from `base` to before `end`; RVAs count from `base`. */
export interface CodeSpan {
  readonly base: number;
  readonly end: number;
}

export function codeSpan({ linkBase, imageSize = 0 }: DwarfFile): CodeSpan {
  return { base: linkBase, end: imageSize > 0 ? linkBase + imageSize : Number.POSITIVE_INFINITY };
}
