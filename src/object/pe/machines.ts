import { EM_386, EM_AARCH64, EM_ARM, EM_X86_64 } from '../elf-machines.js';

/** IMAGE_FILE_HEADER.Machine. */
export const IMAGE_FILE_MACHINE_I386 = 0x14c;
export const IMAGE_FILE_MACHINE_ARM = 0x1c0;
export const IMAGE_FILE_MACHINE_ARMNT = 0x1c4;
export const IMAGE_FILE_MACHINE_AMD64 = 0x8664;
export const IMAGE_FILE_MACHINE_ARM64 = 0xaa64;

const ELF_MACHINES: Readonly<Record<number, number>> = {
  [IMAGE_FILE_MACHINE_I386]: EM_386,
  [IMAGE_FILE_MACHINE_ARM]: EM_ARM,
  [IMAGE_FILE_MACHINE_ARMNT]: EM_ARM,
  [IMAGE_FILE_MACHINE_AMD64]: EM_X86_64,
  [IMAGE_FILE_MACHINE_ARM64]: EM_AARCH64,
};

/** e_machine of the same processor, by which DWARF numbers its registers; 0 of one that nobody here knows. */
export const elfMachine = (machine: number): number => ELF_MACHINES[machine] ?? 0;
