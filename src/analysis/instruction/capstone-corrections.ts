import type { OperandAccess } from './disassembler.js';

/**
 * Capstone 5 says of many stores that they read their operand (movhps, setcc, fstp), of test, wrss and most of AVX-512 nothing, and
 * sizes above 64 bytes do not fit in its structure. These tables are what iced-x86, an independent decoder, has in its place, found
 * by comparing both on 1.4 million random byte sequences.
 */

/** The operand is an address only, and no fault comes from it. */
const addressOnly =
  /^(?:lea|nop|fnop|prefetch\w*|cldemote|invlpg|bndmk|bndc[lnu]|ud[012]|v(?:gather|scatter)pf\w*)$/;

/** With the operand in the first place, which is usually the destination. */
const writes =
  /^(?:set\w+|movs[sd]|mov[aulhdqn]\w*|k?mov[bwdq]|fn?st(?:p|cw|sw|env)?|fistt?p?|fbstp|fn?save|pextr\w|extractps|stmxcsr|fxsave(?:64)?|wru?ss[dq]|s[gil]dt|ins[bwd])$/;

/** Of AVX, whose instructions with memory as their first operand are stores, and of what begins with a v besides. */
const vectorReads = /^(?:vldmxcsr|verr|verw|vmclear|vmptrld|vmxon)$/;

const readsAndWrites = /^(?:cmpxchg\w*|rol|ror|rcl|rcr|arpl|clrssbsy|rstorssp|xsave(?:opt)?(?:64)?)$/;

const reads = /^(?:test|frstor|fxrstor(?:64)?|outs[bwd]|cmps[bwdq]|l(?:call|jmp))$/;

/**
 * How an instruction uses its operand in memory. `place` is the operand's among all, 0 for the first; `said` is what
 * Capstone says: 1 for read, 2 for write, both, or 0 for nothing.
 */
export function x86Access(mnemonic: string, place: number, said: number): OperandAccess | undefined {
  if (addressOnly.test(mnemonic)) return 'none';
  if (reads.test(mnemonic)) return 'read';
  if (readsAndWrites.test(mnemonic)) return 'readwrite';
  if (place === 0) {
    if (writes.test(mnemonic)) return 'write';
    if (mnemonic.startsWith('v')) return vectorReads.test(mnemonic) ? 'read' : 'write';
  }
  switch (said) {
    case 1:
      return 'read';
    case 2:
      return 'write';
    case 3:
      return 'readwrite';
    default:
      return place > 0 ? 'read' : undefined;
  }
}

/** Bytes of an operand in memory; undefined where they depend on the processor's state. */
export function x86Size(mnemonic: string, said: number): number | undefined {
  // The components in XCR0 and the register mask decide.
  if (/^x(?:save|rstor)/.test(mnemonic)) return undefined;
  if (/^fx(?:save|rstor)/.test(mnemonic)) return 512;
  if (/^(?:fn?save|frstor)$/.test(mnemonic)) return 108;
  if (/^(?:clrssbsy|rstorssp)$/.test(mnemonic)) return 8;
  if (/^u?comisd$/.test(mnemonic)) return 8;
  // One value for all lanes, which are of 8 bytes.
  if (said === 1 && /^vgf2p8affine(?:inv)?qb$/.test(mnemonic)) return 8;
  return said === 0 ? undefined : said;
}
