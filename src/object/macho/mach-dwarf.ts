import { MinidumpError, type Task } from '../../io/index.js';
import type { DwarfFile } from '../dwarf/dwarf-file.js';
import { DARWIN_386_EH_FRAME } from '../dwarf/register-names.js';
import { EM_386 } from '../elf-machines.js';
import type { MachFile } from './mach-file.js';

/** Opens or lists something of the DWARF of a file. Throws `unsupported` where its numbers are big-endian. */
export function* withDwarf<T>(file: MachFile, use: (file: DwarfFile) => Task<T>): Task<T> {
  if (file.littleEndian) return yield* use(file);
  throw new MinidumpError('unsupported', 'DWARF of a big-endian file; mdmp reads little-endian ones');
}

/** The same for `__eh_frame`: on i386 Darwin has esp and ebp the other way round there than in all other DWARF. */
export function withEhFrame<T>(file: MachFile, use: (file: DwarfFile) => Task<T>): Task<T> {
  if (file.machine !== EM_386) return withDwarf(file, use);
  const { pointerSize, linkBase, imageSize } = file;
  const exchanged: DwarfFile = {
    machine: DARWIN_386_EH_FRAME,
    pointerSize,
    linkBase,
    imageSize,
    section: (name) => file.section(name),
    data: (name) => file.data(name),
  };
  return withDwarf(file, () => use(exchanged));
}
