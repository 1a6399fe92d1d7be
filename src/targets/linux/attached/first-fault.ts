import { closeSync, openSync } from 'node:fs';
import type { Cpu } from '../../../linux/cpu/index.js';
import { readSome } from '../../../node/read.js';
import type { ThreadMoment } from './attached-protocol.js';

/** So far from the stack pointer a handler's frame is looked for: what a handler that crashes the program has called is less deep. */
const REACH = 256 * 1024;
const CHUNK = 32 * 1024;
/** From the stack pointer to the instruction pointer in struct sigcontext, in bytes: neighbours but on x86 (edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip). */
const POINTER_DISTANCE = { 8: 8, 4: 28 } as const;

/**
 * Whether the handler that a thread was in for a fault has not returned yet: then its signal frame lies on the stack, with the registers of
 * the fault (sigreturn(2)). So a signal that the handler raises is the consequence of that fault; a fault that was handled in full, as
 * V8 does with a WebAssembly bounds check, has left nothing.
 *
 * @param registers of the thread now
 */
export function isInHandlerOf(
  fault: ThreadMoment,
  tid: number,
  registers: BigInt64Array | BigUint64Array,
  cpu: Cpu,
): boolean {
  const [stackPointer, instructionPointer] = cpu.pointersOf(fault.registers);
  const [from, at] = cpu.pointersOf(
    new BigUint64Array(registers.buffer, registers.byteOffset, registers.length),
  );
  // The kernel could not call the handler: it has no stack to run on.
  if (from === stackPointer && at === instructionPointer) return true;
  const { pointerSize } = cpu;
  const distance = POINTER_DISTANCE[pointerSize];
  const word = (view: DataView, offset: number) =>
    pointerSize === 8 ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${tid}/mem`, 'r');
    const bytes = new Uint8Array(CHUNK + distance);
    const view = new DataView(bytes.buffer);
    const start = from - (from % BigInt(pointerSize));
    for (let done = 0; done < REACH; done += CHUNK) {
      const got = readSome(fd, bytes, 0, bytes.length, start + BigInt(done));
      for (let offset = 0; offset + distance + pointerSize <= got; offset += pointerSize) {
        if (word(view, offset) === stackPointer && word(view, offset + distance) === instructionPointer)
          return true;
      }
      if (got < bytes.length) break;
    }
  } catch {
    // The end of the stack, or of the process.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  return false;
}
