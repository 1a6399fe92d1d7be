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
  /** Where a section is loaded; undefined where the file has none of that name. */
  section(name: string): { readonly address: number } | undefined;
  /** The bytes of a section, decompressed; undefined where the file has none of that name, or not its bytes. */
  data(name: string): Task<SectionData | undefined>;
  /** The file that dwz moved into what several share. */
  supplementaryLink?(): Task<{ readonly name: string } | undefined>;
}
