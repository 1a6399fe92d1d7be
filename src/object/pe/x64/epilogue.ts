import { type FrameState, type NumberedPlace, RSP } from './frame-state.js';

/** The part of a function that code lies in. RVAs. */
export interface CodeRange {
  readonly rva: number;
  readonly start: number;
  readonly end: number;
  readonly frameRegister: number | undefined;
  /** It is no beginning of a function. */
  readonly isChained: boolean;
}

const REX_B = 1;
const REX_W = 8;

/**
 * The frame at an instruction from which only an epilogue is left to run, as the x64 ABI allows it: `add rsp` or `lea rsp` at most once, pops, a
 * return or a jump out of the function. Undefined where other code comes. These are the forms that RtlVirtualUnwind knows.
 *
 * @param code from `rva` on
 */
export function epilogueAt(code: Uint8Array, range: CodeRange): FrameState | undefined {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const byte = (at: number) => code[at] ?? -1;
  const rexAt = (at: number) => ((byte(at) & 0xf0) === 0x40 ? byte(at) & 15 : undefined);
  let at = 0;
  let place: NumberedPlace = { register: RSP, offset: 0 };

  const rex = rexAt(0);
  if (rex !== undefined && rex & REX_W) {
    const modrm = byte(2);
    if (byte(1) === 0x83 && rex === REX_W && modrm === 0xc4 && code.length >= 4) {
      place = { register: RSP, offset: view.getInt8(3) };
      at = 4;
    } else if (byte(1) === 0x81 && rex === REX_W && modrm === 0xc4 && code.length >= 7) {
      place = { register: RSP, offset: view.getInt32(3, true) };
      at = 7;
    } else if (byte(1) === 0x8d && (modrm & 0x38) === 0x20 && range.frameRegister !== undefined) {
      // lea rsp, [frame register + distance]; r12 needs a SIB byte, which says no more.
      const base = (modrm & 7) + (rex & REX_B ? 8 : 0);
      const sib = (modrm & 7) === 4 ? 1 : 0;
      const mode = modrm >> 6;
      const wide = mode === 2;
      if (base !== range.frameRegister || mode === 3 || (sib === 1 && byte(3) !== 0x24)) return undefined;
      // Without a distance rbp and r13 would mean something else.
      if (mode === 0 && (modrm & 7) === 5) return undefined;
      const length = 3 + sib + (mode === 0 ? 0 : wide ? 4 : 1);
      if (code.length < length) return undefined;
      const distance = mode === 0 ? 0 : wide ? view.getInt32(3 + sib, true) : view.getInt8(3 + sib);
      place = { register: base, offset: distance };
      at = length;
    }
  }
  if (place.register === RSP && place.offset < 0) return undefined;

  const saved = new Map<number, NumberedPlace>();
  for (;;) {
    const prefix = rexAt(at);
    const opcode = byte(prefix === undefined ? at : at + 1);
    if ((opcode & 0xf8) !== 0x58) break;
    const register = (opcode & 7) + (prefix !== undefined && prefix & REX_B ? 8 : 0);
    if (register === RSP) return undefined;
    saved.set(register, place);
    place = { register: place.register, offset: place.offset + 8 };
    at += prefix === undefined ? 1 : 2;
  }
  return leaves(view, at, range) ? { end: place, saved, isMachineFrame: false } : undefined;
}

/** Whether the instruction returns, or jumps to another function. */
function leaves(view: DataView, at: number, { rva, start, end, isChained }: CodeRange): boolean {
  const byte = (index: number) => (index < view.byteLength ? view.getUint8(index) : -1);
  const first = byte(at);
  // ret, ret n, rep ret
  if (first === 0xc3 || first === 0xc2 || (first === 0xf3 && byte(at + 1) === 0xc3)) return true;
  if (first === 0xeb || first === 0xe9) {
    const length = first === 0xeb ? 2 : 5;
    if (at + length > view.byteLength) return false;
    const distance = first === 0xeb ? view.getInt8(at + 1) : view.getInt32(at + 1, true);
    const target = rva + at + length + distance;
    // A function may call itself in its tail: to its beginning nothing else jumps, once there was a prologue.
    return target < start || target >= end || (target === start && !isChained);
  }
  // jmp [rip + …], an import; jmp r64 has REX.W in tail calls, so that it is told from switches.
  const prefixed = (first & 0xf8) === 0x48;
  const opcode = at + (prefixed ? 1 : 0);
  if (byte(opcode) !== 0xff) return false;
  const modrm = byte(opcode + 1);
  return modrm === 0x25 || (prefixed && (modrm & 0xf8) === 0xe0);
}
