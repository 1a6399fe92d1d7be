/** How an operand in memory is used; `none` for one that is only an address (lea, nop, prefetch). */
export type OperandAccess = 'read' | 'write' | 'readwrite' | 'none';

/** An operand in memory of an x86 or amd64 instruction: base + index · scale + displacement. */
export interface MemoryOperand {
  kind: 'memory';
  /** Named only where it was given by a prefix: `fs`, `gs` and the four whose base is 0 in a flat address space. */
  segment: string | undefined;
  /** `rip` stands for the address behind the instruction. */
  base: string | undefined;
  /** A vector register in gathers and scatters. */
  index: string | undefined;
  scale: number;
  displacement: bigint;
  /** In bytes; undefined where it depends on more than the instruction (xsave). */
  size: number | undefined;
  /** Undefined where it is not known. */
  access: OperandAccess | undefined;
}

export interface RegisterOperand {
  kind: 'register';
  name: string;
  /** In bytes. */
  size: number;
}

export interface ImmediateOperand {
  kind: 'immediate';
  /** Signed, and of a branch the address it goes to. */
  value: bigint;
  size: number;
}

export type Operand = MemoryOperand | RegisterOperand | ImmediateOperand;

export interface DecodedInstruction {
  /** In bytes. */
  length: number;
  /** Without prefixes: `movsb`. */
  mnemonic: string;
  /** `rep`, `lock` and the like, as they are written before the mnemonic. */
  prefixes: string[];
  /** Mnemonic and operands in Intel syntax, of ARM64 in that of its manual. */
  text: string;
  /** In the order of Intel syntax, the destination first. Empty for ARM64. */
  operands: Operand[];
  /** Of its addresses, in bytes: 2, 4 or 8. */
  addressSize: number;
}

export type DisassembledCpu = 'x86' | 'amd64' | 'arm64';

/** What is needed of a library for disassembly; `capstoneDisassembler` makes one. */
export interface Disassembler {
  /** The first instruction of the bytes; undefined where they are none, or end in the middle of one. */
  decode(cpu: DisassembledCpu, bytes: Uint8Array, address: bigint): DecodedInstruction | undefined;
}
