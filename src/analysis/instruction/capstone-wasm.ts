import type { CapstoneModule } from './capstone.js';

/** capstone.wasm of @alexaltea/capstone-js 5.0.9, in bytes. In another build the exports may have other names. */
export const CAPSTONE_WASM_SIZE = 3_299_566;

/** What capstone.wasm exports: the functions of capstone.h, under the names that Emscripten's minifier gave them. */
interface CapstoneExports {
  d: WebAssembly.Memory;
  /** Static constructors. */
  e(): void;
  /** cs_open(arch, mode, csh *handle) → cs_err */
  j(architecture: number, mode: number, handle: number): number;
  /** cs_option(handle, type, value) → cs_err */
  l(handle: number, option: number, value: number): number;
  /** cs_free(insn, count) */
  n(instruction: number, count: number): void;
  /** cs_malloc(handle) → cs_insn * */
  o(handle: number): number;
  /** cs_disasm_iter(handle, uint8_t **code, size_t *size, uint64_t *address, cs_insn *) → bool */
  p(handle: number, code: number, size: number, address: number, instruction: number): number;
  /** cs_reg_name(handle, reg) → char * */
  q(handle: number, register: number): number;
  /** malloc, free */
  z(size: number): number;
  A(address: number): void;
}

/** cs_insn of capstone.h in 32-bit WebAssembly. */
const cs_insn = { size: 16, mnemonic: 42, op_str: 74 };
/** The arguments of cs_disasm_iter, with the bytes of the instruction behind them. */
const call = { code: 0, size: 4, address: 8, bytes: 16 };

/**
 * What `MCapstone()` gives, as far as it is used here, from capstone.wasm alone: the package's own JavaScript around it
 * is 331 KB of constants, which take longer to load than capstone.wasm does.
 *
 * @param module capstone.wasm, compiled; it has CAPSTONE_WASM_SIZE bytes
 */
export function capstoneFromWasm(module: WebAssembly.Module): CapstoneModule {
  const instance = new WebAssembly.Instance(module, {
    a: {
      // fd_write and fd_close: it has nothing to say.
      a: () => 0,
      c: () => 0,
      // emscripten_resize_heap: what it begins with, 22 MB, is far more than three decoders and an instruction need.
      b: () => 0,
    },
  });
  const capstone = instance.exports as unknown as CapstoneExports;
  const view = new DataView(capstone.d.buffer);

  /** A string of C: all of them are ASCII. */
  function textAt(address: number): string {
    let text = '';
    for (let at = address, code = view.getUint8(at); code !== 0; code = view.getUint8(++at))
      text += String.fromCharCode(code);
    return text;
  }

  /** A cs_err other than CS_ERR_OK. */
  function check(error: number, what: string): void {
    if (error !== 0) throw new Error(`Capstone: ${what} failed with code ${error}`);
  }

  capstone.e();
  return {
    Capstone: class {
      readonly #handle: number;

      constructor(architecture: number, mode: number) {
        const handle = capstone.z(4);
        check(capstone.j(architecture, mode, handle), 'cs_open');
        this.#handle = view.getUint32(handle, true);
      }

      option(option: number, value: number): void {
        check(capstone.l(this.#handle, option, value), 'cs_option');
      }

      disasm_iter(
        bytes: Uint8Array,
        address: bigint,
        callback: (
          instruction: { size: number; mnemonic: string; op_str: string },
          pointer: number,
        ) => boolean,
      ): number {
        const at = capstone.z(call.bytes + bytes.length);
        const instruction = capstone.o(this.#handle);
        new Uint8Array(capstone.d.buffer).set(bytes, at + call.bytes);
        view.setUint32(at + call.code, at + call.bytes, true);
        view.setUint32(at + call.size, bytes.length, true);
        view.setBigUint64(at + call.address, address, true);
        let count = 0;
        try {
          while (
            capstone.p(this.#handle, at + call.code, at + call.size, at + call.address, instruction) !== 0
          ) {
            count++;
            const decoded = {
              size: view.getUint16(instruction + cs_insn.size, true),
              mnemonic: textAt(instruction + cs_insn.mnemonic),
              op_str: textAt(instruction + cs_insn.op_str),
            };
            if (!callback(decoded, instruction)) break;
          }
        } finally {
          capstone.n(instruction, 1);
          capstone.A(at);
        }
        return count;
      }

      reg_name(register: number): string {
        const name = capstone.q(this.#handle, register);
        return name === 0 ? '' : textAt(name);
      }
    },
    getValue(address, type) {
      if (type === 'i8') return view.getInt8(address);
      return type === 'i32' ? view.getInt32(address, true) : view.getBigInt64(address, true);
    },
    // capstone.h
    ARCH_ARM64: 1,
    ARCH_X86: 3,
    MODE_LITTLE_ENDIAN: 0,
    MODE_32: 1 << 2,
    MODE_64: 1 << 3,
    OPT_DETAIL: 2,
    OPT_ON: 3,
  };
}
