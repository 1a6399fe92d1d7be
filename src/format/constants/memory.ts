import { constants } from '../layout.js';

/** State of MINIDUMP_MEMORY_INFO. */
export const memoryStates = constants({
  MEM_COMMIT: 0x1000,
  MEM_RESERVE: 0x2000,
  MEM_FREE: 0x10000,
});
export const MemoryState = memoryStates.values;

/** Protect and AllocationProtect of MINIDUMP_MEMORY_INFO. */
export const memoryProtections = constants({
  PAGE_NOACCESS: 0x1,
  PAGE_READONLY: 0x2,
  PAGE_READWRITE: 0x4,
  PAGE_WRITECOPY: 0x8,
  PAGE_EXECUTE: 0x10,
  PAGE_EXECUTE_READ: 0x20,
  PAGE_EXECUTE_READWRITE: 0x40,
  PAGE_EXECUTE_WRITECOPY: 0x80,
  PAGE_GUARD: 0x100,
  PAGE_NOCACHE: 0x200,
  PAGE_WRITECOMBINE: 0x400,
});
export const MemoryProtection = memoryProtections.values;

/** Type of MINIDUMP_MEMORY_INFO. */
export const memoryTypes = constants({
  MEM_PRIVATE: 0x20000,
  MEM_MAPPED: 0x40000,
  MEM_IMAGE: 0x1000000,
});
export const MemoryType = memoryTypes.values;
