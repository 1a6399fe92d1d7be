import { loadKoffi } from '../../node/libc.js';
import type { AddressOf, NativeMemory } from './abi/index.js';

/** Memory of this process through koffi. */
export function koffiMemory(): NativeMemory {
  return process.versions.electron === undefined ? views : copies;
}

const views: NativeMemory = {
  view: (address, size) => new Uint8Array(loadKoffi().view(address, size)),
};

/** Electron forbids buffers over memory that is not V8's. */
const copies: NativeMemory = {
  view: (address, size) => loadKoffi().decode(address, typed(size)) as Uint8Array,
  write: (address, bytes) => loadKoffi().encode(address, typed(bytes.length), bytes),
};

const typed = (size: number) => loadKoffi().array('uint8_t', size, 'Typed');

/** Asking for the address of a small array moves its bytes out of V8's heap; from then on nothing moves them. */
export const koffiAddress: AddressOf = (bytes) => loadKoffi().address(bytes);
