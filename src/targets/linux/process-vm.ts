import { loadKoffi, ownLibrary } from '../../node/libc.js';

/** process_vm_readv(2) and process_vm_writev(2), with any number of ranges on either side. */
export type ProcessVm = (
  pid: number,
  local: readonly { base: Uint8Array; len: number }[],
  localCount: number,
  /** Pairs of address and length. */
  remote: BigUint64Array,
  remoteCount: number,
  flags: number,
) => number | bigint;

export function bindProcessVm(name: 'process_vm_readv' | 'process_vm_writev'): ProcessVm {
  const koffi = loadKoffi();
  // Without a name: names are global in koffi, and a second copy of this module may live in the same process.
  const iovec = koffi.struct({ base: 'void *', len: 'size_t' });
  const size = 'unsigned long';
  const types = ['int', koffi.pointer(iovec), size, 'const uint64_t *', size, size];
  return ownLibrary().func(name, 'int64_t', types) as ProcessVm;
}

/** Memory of a stopped process, whole ranges or nothing, as it is: no pagemap, no files. For the thread that traces. */
export class RemoteMemory {
  readonly #read = bindProcessVm('process_vm_readv');
  readonly #write = bindProcessVm('process_vm_writev');

  constructor() {
    // The first call of each costs a millisecond of compilation: not inside a stop.
    const byte = new Uint8Array(1);
    this.read(0, 0n, byte);
    this.write(0, 0n, byte);
  }

  read(tid: number, address: bigint, into: Uint8Array): boolean {
    return transfer(this.#read, tid, address, into);
  }

  write(tid: number, address: bigint, bytes: Uint8Array): boolean {
    return transfer(this.#write, tid, address, bytes);
  }
}

function transfer(call: ProcessVm, tid: number, address: bigint, bytes: Uint8Array): boolean {
  const remote = new BigUint64Array([address, BigInt(bytes.length)]);
  return Number(call(tid, [{ base: bytes, len: bytes.length }], 1, remote, 1, 0)) === bytes.length;
}
