/*
 * Whether a seccomp filter lets a call through. The filters of the thread are asked before it is made to make a call: what the answer
 * to a forbidden one is (a signal, death) would be the target's. Classic BPF as seccomp(2) allows it: no memory but
 * struct seccomp_data (64 bytes), and jumps go forward only.
 */

/** AUDIT_ARCH_X86_64 */
const ARCH = 0xc000003e;
const DATA_SIZE = 64;
/** SECCOMP_RET_ACTION_FULL, and the two answers after which the call is made. */
const ACTION_MASK = 0xffff0000;
const RET_ALLOW = 0x7fff0000;
const RET_LOG = 0x7ffc0000;

const Class = { LD: 0, LDX: 1, ST: 2, STX: 3, ALU: 4, JMP: 5, RET: 6, MISC: 7 } as const;
const MODE_MASK = 0xe0;
const Mode = { IMM: 0x00, ABS: 0x20, MEM: 0x60, LEN: 0x80 } as const;
const SOURCE_X = 0x08;
const MEMORY_WORDS = 16;

/** What a filter is asked about. */
export interface SystemCall {
  number: number;
  arguments: readonly bigint[];
  instructionPointer: bigint;
}

/**
 * Runs a filter: struct sock_filter, 8 bytes an instruction (linux/filter.h).
 *
 * @returns whether the call is made. False also for anything that is not understood
 */
export function isAllowed(filter: Uint8Array, call: SystemCall): boolean {
  const answer = evaluate(filter, describe(call));
  if (answer === undefined) return false;
  const action = (answer & ACTION_MASK) >>> 0;
  return action === RET_ALLOW || action === RET_LOG;
}

/** struct seccomp_data */
function describe({ number, arguments: given, instructionPointer }: SystemCall): DataView {
  const data = new DataView(new ArrayBuffer(DATA_SIZE));
  data.setInt32(0, number, true);
  data.setUint32(4, ARCH, true);
  data.setBigUint64(8, instructionPointer, true);
  given.slice(0, 6).forEach((value, i) => {
    data.setBigUint64(16 + i * 8, BigInt.asUintN(64, value), true);
  });
  return data;
}

function evaluate(filter: Uint8Array, data: DataView): number | undefined {
  const code = new DataView(filter.buffer, filter.byteOffset, filter.byteLength);
  const memory = new Uint32Array(MEMORY_WORDS);
  const count = filter.length >> 3;
  let a = 0;
  let x = 0;
  for (let at = 0; at < count; at++) {
    const op = code.getUint16(at * 8, true);
    const jumpTrue = code.getUint8(at * 8 + 2);
    const jumpFalse = code.getUint8(at * 8 + 3);
    const k = code.getUint32(at * 8 + 4, true);
    switch (op & 7) {
      case Class.LD:
      case Class.LDX: {
        let value: number | undefined;
        if ((op & MODE_MASK) === Mode.IMM) value = k;
        else if ((op & MODE_MASK) === Mode.LEN) value = DATA_SIZE;
        else if ((op & MODE_MASK) === Mode.MEM) value = memory[k];
        else if ((op & MODE_MASK) === Mode.ABS && k % 4 === 0 && k <= DATA_SIZE - 4)
          value = data.getUint32(k, true);
        if (value === undefined) return undefined;
        if ((op & 7) === Class.LD) a = value;
        else x = value;
        break;
      }
      case Class.ST:
      case Class.STX:
        if (k >= MEMORY_WORDS) return undefined;
        memory[k] = (op & 7) === Class.ST ? a : x;
        break;
      case Class.ALU: {
        const result = compute(op & 0xf0, a, op & SOURCE_X ? x : k);
        if (result === undefined) return undefined;
        a = result;
        break;
      }
      case Class.JMP: {
        const kind = op & 0xf0;
        if (kind === 0) {
          at += k;
          break;
        }
        const holds = compare(kind, a, op & SOURCE_X ? x : k);
        if (holds === undefined) return undefined;
        at += holds ? jumpTrue : jumpFalse;
        break;
      }
      case Class.RET:
        return (op & 0x18) === 0x10 ? a : (op & 0x18) === 0 ? k : undefined;
      default:
        if ((op & 0xf8) === 0x80) a = x;
        else x = a;
    }
  }
  return undefined;
}

function compare(kind: number, a: number, b: number): boolean | undefined {
  if (kind === 0x10) return a === b;
  if (kind === 0x20) return a > b;
  if (kind === 0x30) return a >= b;
  return kind === 0x40 ? (a & b) !== 0 : undefined;
}

function compute(kind: number, a: number, b: number): number | undefined {
  switch (kind) {
    case 0x00:
      return (a + b) >>> 0;
    case 0x10:
      return (a - b) >>> 0;
    case 0x20:
      return Math.imul(a, b) >>> 0;
    case 0x30:
      return b === 0 ? undefined : Math.trunc(a / b);
    case 0x40:
      return (a | b) >>> 0;
    case 0x50:
      return (a & b) >>> 0;
    case 0x60:
      return b > 31 ? undefined : (a << b) >>> 0;
    case 0x70:
      return b > 31 ? undefined : a >>> b;
    case 0x80:
      return -a >>> 0;
    case 0xa0:
      return (a ^ b) >>> 0;
    default:
      return undefined;
  }
}
