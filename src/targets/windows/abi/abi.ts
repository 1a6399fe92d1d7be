import { type Layout, u32, u64 } from '../../../format/index.js';

/**
 * For which processor and by which compiler the other side was built. Genuine DbgHelp is built by MSVC; what mingw built (Wine's
 * DLLs) lays out two structures otherwise, see structures.ts. It is told, never guessed.
 */
export interface Abi {
  cpu: 'x64' | 'x86' | 'arm64';
  compiler: 'msvc' | 'gcc';
}

/** A pointer, HANDLE or other word of 32 bits. Users see a bigint, as they do of 64 bits; it is never sign-extended. */
const pointer32: Layout<bigint> = {
  name: 'pointer32',
  size: 4,
  read: (view, offset, littleEndian) => BigInt(u32.read(view, offset, littleEndian)),
  write: (view, offset, value, littleEndian) =>
    u32.write(view, offset, Number(BigInt.asUintN(32, value)), littleEndian),
};
const pointer64: Layout<bigint> = { ...u64, name: 'pointer64' };

/** What is as wide as a pointer. */
export function pointerLayout({ cpu }: Abi): Layout<bigint> {
  return cpu === 'x86' ? pointer32 : pointer64;
}
