import { closeSync, openSync } from 'node:fs';
import type { Cpu } from '../../../linux/cpu/index.js';
import { parseSiginfo } from '../../../linux/siginfo.js';
import { readSome } from '../../../node/read.js';
import type { ThreadMoment } from './attached-protocol.js';

/** So many are kept. */
const MOST = 8;
/** So far from the stack pointer a handler's frame is looked for: what a handler that crashes the program has called is less deep. */
const REACH = 1024 * 1024;
const CHUNK = 32 * 1024;
/** From the stack pointer to the instruction pointer in struct sigcontext, in bytes: neighbours but on x86 (edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip). */
const POINTER_DISTANCE = { 8: 8, 4: 28 } as const;
/** Further apart two stack pointers are taken to be on different stacks. */
const STACK = 8n * 1024n * 1024n;

/**
 * The faults that a program has caught on one thread, and may still be at work on. There are several where a handler makes some itself: Java's
 * looks at memory that may not be there, and catches that, while it reports the first one.
 */
export class CaughtFaults {
  #faults: ThreadMoment[] = [];

  add(fault: ThreadMoment, cpu: Cpu): void {
    const [here] = cpu.pointersOf(fault.registers);
    // A handler runs below the place of its fault: where the program is back there, it has returned.
    this.#faults = this.#faults.filter(({ registers }) => {
      const [there] = cpu.pointersOf(registers);
      return here < there || here - there > STACK;
    });
    if (this.#faults.length >= MOST) this.#faults = unfinished(this.#faults, fault, cpu);
    if (this.#faults.length >= MOST) this.#faults.pop();
    this.#faults.push(fault);
  }

  /** The first one that the thread has not finished with, if the signal that it gets now is a consequence of it. */
  causeOf(at: ThreadMoment, cpu: Cpu): ThreadMoment | undefined {
    const [first] = unfinished(this.#faults, at, cpu);
    // A fault of its own is no consequence, unless the kernel could not deliver the one before, or it comes from the handler.
    const again = this.#faults.some((fault) => isSamePlace(fault, at, cpu));
    return parseSiginfo(at.siginfo).code > 0 && !again ? undefined : first;
  }
}

function isSamePlace(a: ThreadMoment, b: ThreadMoment, cpu: Cpu): boolean {
  const [stackA, codeA] = cpu.pointersOf(a.registers);
  const [stackB, codeB] = cpu.pointersOf(b.registers);
  return stackA === stackB && codeA === codeB;
}

/**
 * Those of the faults whose handler has not returned: its signal frame lies on the stack, with the registers of the fault (sigreturn(2)). A
 * fault that was handled in full, as V8 does with a WebAssembly bounds check, has left nothing.
 *
 * @param at the thread now
 */
function unfinished(faults: readonly ThreadMoment[], at: ThreadMoment, cpu: Cpu): ThreadMoment[] {
  if (faults.length === 0) return [];
  const { pointerSize } = cpu;
  const distance = POINTER_DISTANCE[pointerSize];
  const places = new Map(faults.map((fault) => [cpu.pointersOf(fault.registers)[0], fault]));
  const found = new Set(faults.filter((fault) => isSamePlace(fault, at, cpu)));
  const word = (view: DataView, offset: number) =>
    pointerSize === 8 ? view.getBigUint64(offset, true) : BigInt(view.getUint32(offset, true));
  let fd: number | undefined;
  try {
    fd = openSync(`/proc/${at.tid}/mem`, 'r');
    const bytes = new Uint8Array(CHUNK + distance);
    const view = new DataView(bytes.buffer);
    const [from] = cpu.pointersOf(at.registers);
    const start = from - (from % BigInt(pointerSize));
    for (let done = 0; done < REACH; done += CHUNK) {
      const got = readSome(fd, bytes, 0, bytes.length, start + BigInt(done));
      for (let offset = 0; offset + distance + pointerSize <= got; offset += pointerSize) {
        const fault = places.get(word(view, offset));
        if (fault === undefined) continue;
        if (word(view, offset + distance) === cpu.pointersOf(fault.registers)[1]) found.add(fault);
      }
      if (got < bytes.length) break;
    }
  } catch {
    // The end of the stack, or of the process.
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  return faults.filter((fault) => found.has(fault));
}
