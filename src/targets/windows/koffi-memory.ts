import { loadKoffi } from '../../node/libc.js';
import type { AddressOf, NativeMemory } from './abi/index.js';

/** Memory of this process through koffi. Electron forbids views of memory that is not V8's: there the first callback fails. */
export const koffiMemory: NativeMemory = {
  view: (address, size) => new Uint8Array(loadKoffi().view(address, size)),
};

/** Asking for the address of a small array moves its bytes out of V8's heap; from then on nothing moves them. */
export const koffiAddress: AddressOf = (bytes) => loadKoffi().address(bytes);
