import { MinidumpError } from '../../io/index.js';
import { x86Access, x86Size } from './capstone-corrections.js';
import type { DecodedInstruction, DisassembledCpu, Disassembler, Operand } from './disassembler.js';

/** One decoder of the library. */
interface CapstoneHandle {
  option(option: number, value: number): void;
  disasm_iter(
    bytes: Uint8Array,
    address: bigint,
    callback: (instruction: CapstoneInstruction, pointer: number) => boolean,
  ): number;
  reg_name(register: number): string;
}

interface CapstoneInstruction {
  size: number;
  mnemonic: string;
  op_str: string;
}

/** What the promise of `MCapstone()` of the package @alexaltea/capstone-js gives. */
export interface CapstoneModule {
  Capstone: new (architecture: number, mode: number) => CapstoneHandle;
  getValue(address: number, type: 'i8' | 'i32' | 'i64'): number | bigint;
  ARCH_X86: number;
  ARCH_ARM64: number;
  MODE_32: number;
  MODE_64: number;
  MODE_LITTLE_ENDIAN: number;
  OPT_DETAIL: number;
  OPT_ON: number;
}

/**
 * The layout of Capstone 5's structures in 32-bit WebAssembly (capstone.h, x86.h). The package's own reading of
 * `cs_detail` is that of Capstone 4, 16 bytes off, and gives nonsense; so the details are read here.
 */
const cs_insn = { detail: 236 };
const cs_detail = { architecture: 96 };
const cs_x86 = { prefix: 0, opcode: 4, rex: 8, addr_size: 9, modrm: 10, op_count: 64, operands: 72 };
const cs_x86_op = {
  type: 0,
  reg: 8,
  imm: 8,
  segment: 8,
  base: 12,
  index: 16,
  scale: 20,
  disp: 24,
  size: 32,
  access: 33,
  bytes: 48,
};
const MOST_OPERANDS = 8;
const X86_OP = { REG: 1, IMM: 2, MEM: 3 };
const LONGEST_INSTRUCTION = 15;

/**
 * Disassembly by Capstone: `capstoneDisassembler(await MCapstone())`, with the default export of the package
 * @alexaltea/capstone-js. In a web page, `MCapstone({ locateFile: () => url })` says where its capstone.wasm is. Fails with `unsupported` where the library is not of the version whose memory is read here.
 */
export function capstoneDisassembler(capstone: CapstoneModule): Disassembler {
  const handles = new Map<DisassembledCpu, CapstoneHandle>();

  function handleFor(cpu: DisassembledCpu): CapstoneHandle {
    let handle = handles.get(cpu);
    if (handle === undefined) {
      handle =
        cpu === 'arm64'
          ? new capstone.Capstone(capstone.ARCH_ARM64, capstone.MODE_LITTLE_ENDIAN)
          : new capstone.Capstone(capstone.ARCH_X86, cpu === 'amd64' ? capstone.MODE_64 : capstone.MODE_32);
      handle.option(capstone.OPT_DETAIL, capstone.OPT_ON);
      handles.set(cpu, handle);
    }
    return handle;
  }

  const byte = (at: number) => Number(capstone.getValue(at, 'i8')) & 0xff;
  const word = (at: number) => Number(capstone.getValue(at, 'i32'));
  const long = (at: number) => BigInt.asIntN(64, BigInt(capstone.getValue(at, 'i64')));

  function operandAt(
    handle: CapstoneHandle,
    at: number,
    mnemonic: string,
    place: number,
  ): Operand | undefined {
    const name = (field: number) => {
      const register = word(at + field);
      return register === 0 ? undefined : handle.reg_name(register);
    };
    const size = byte(at + cs_x86_op.size);
    switch (word(at + cs_x86_op.type)) {
      case X86_OP.REG:
        return { kind: 'register', name: name(cs_x86_op.reg) ?? '', size };
      case X86_OP.IMM:
        return { kind: 'immediate', value: long(at + cs_x86_op.imm), size };
      case X86_OP.MEM:
        return {
          kind: 'memory',
          segment: name(cs_x86_op.segment),
          base: name(cs_x86_op.base),
          index: name(cs_x86_op.index),
          scale: word(at + cs_x86_op.scale),
          displacement: long(at + cs_x86_op.disp),
          size: x86Size(mnemonic, size),
          access: x86Access(mnemonic, place, byte(at + cs_x86_op.access)),
        };
      default:
        return undefined;
    }
  }

  /**
   * Bytes of the pointer with a segment that an instruction takes from memory (FF /3, FF /5, lds and its kin); undefined
   * for any other instruction. Capstone calls the far calls and jumps of 64-bit mode `call` and `jmp`, 8 bytes long.
   */
  function farPointerSize(detail: number, mnemonic: string): number | undefined {
    const group = (byte(detail + cs_x86.modrm) >> 3) & 7;
    const far = byte(detail + cs_x86.opcode) === 0xff && (group === 3 || group === 5);
    if (!far && !/^l[defgs]s$/.test(mnemonic)) return undefined;
    if (byte(detail + cs_x86.rex) & 8) return 10;
    return byte(detail + cs_x86.prefix + 2) === 0x66 ? 4 : 6;
  }

  function operandsOf(handle: CapstoneHandle, pointer: number, given: string) {
    const detail = word(pointer + cs_insn.detail) + cs_detail.architecture;
    const farSize = farPointerSize(detail, given);
    const mnemonic = farSize !== undefined && (given === 'call' || given === 'jmp') ? `l${given}` : given;
    const count = Math.min(byte(detail + cs_x86.op_count), MOST_OPERANDS);
    const operands: Operand[] = [];
    for (let i = 0; i < count; i++) {
      const operand = operandAt(handle, detail + cs_x86.operands + i * cs_x86_op.bytes, mnemonic, i);
      if (operand?.kind === 'memory' && farSize !== undefined) operand.size = farSize;
      if (operand) operands.push(operand);
    }
    return { mnemonic, operands, addressSize: byte(detail + cs_x86.addr_size) };
  }

  const disassembler: Disassembler = {
    decode(cpu, bytes, address) {
      const handle = handleFor(cpu);
      let decoded: DecodedInstruction | undefined;
      handle.disasm_iter(bytes.subarray(0, LONGEST_INSTRUCTION), address, (instruction, pointer) => {
        const words = instruction.mnemonic.split(' ');
        const mnemonic = words.pop() ?? '';
        const details =
          cpu === 'arm64'
            ? { mnemonic, operands: [], addressSize: 8 }
            : operandsOf(handle, pointer, mnemonic);
        decoded = {
          length: instruction.size,
          prefixes: words,
          text: `${instruction.mnemonic} ${instruction.op_str}`.trim(),
          ...details,
        };
        return false;
      });
      return decoded;
    },
  };
  check(disassembler);
  return disassembler;
}

/** mov rax, [rbx + rcx*4 + 0x10] */
const SAMPLE = Uint8Array.of(0x48, 0x8b, 0x44, 0x8b, 0x10);

/** Another version may keep its structures elsewhere: an instruction that is known tells. */
function check(disassembler: Disassembler): void {
  const memory = disassembler.decode('amd64', SAMPLE, 0x1000n)?.operands[1];
  if (
    memory?.kind === 'memory' &&
    memory.base === 'rbx' &&
    memory.index === 'rcx' &&
    memory.scale === 4 &&
    memory.displacement === 0x10n &&
    memory.size === 8 &&
    memory.access === 'read'
  ) {
    return;
  }
  throw new MinidumpError('unsupported', 'disassembly: this version of Capstone is not known', {
    advice: 'Install @alexaltea/capstone-js 5.0.9.',
  });
}
