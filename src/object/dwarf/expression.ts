import { ByteReader } from '../bytes.js';
import type { FrameView } from '../cfi.js';

/** A loop in an expression ends here; those of real files have none. */
const MAX_STEPS = 4096;
const MAX_STACK = 256;

export interface ExpressionContext {
  readonly pointerSize: 4 | 8;
  /** The name of a register by its DWARF number. */
  registerName(number: number): string | undefined;
}

/**
 * Runs a DWARF expression (DWARF 5, 2.5) as call frame information may use it: all but operations that need a
 * compilation unit (calls, object addresses, typed values), which 6.4.2 forbids there, and DW_OP_addr, whose operand
 * would have to be relocated.
 *
 * @param initial what is on the stack before the first operation
 * @returns what is on top at the end; undefined where a register or memory is not known, or the expression is broken
 */
export function evaluate(
  expression: Uint8Array,
  initial: readonly bigint[],
  frame: FrameView,
  context: ExpressionContext,
): bigint | undefined {
  try {
    return run(expression, initial, frame, context);
  } catch {
    // ByteReader at the end of a broken expression, or an empty stack: nothing else throws here.
    return undefined;
  }
}

class Unknown extends Error {}

function run(
  expression: Uint8Array,
  initial: readonly bigint[],
  frame: FrameView,
  { pointerSize, registerName }: ExpressionContext,
): bigint {
  const bits = pointerSize * 8;
  const wrap = (value: bigint) => BigInt.asUintN(bits, value);
  const signed = (value: bigint) => BigInt.asIntN(bits, value);
  const reader = new ByteReader(expression, 'DWARF expression');
  const stack: bigint[] = [...initial];
  const known = (value: bigint | undefined): bigint => {
    if (value === undefined) throw new Unknown();
    return value;
  };
  const pop = () => known(stack.pop());
  const push = (value: bigint) => {
    if (stack.length >= MAX_STACK) throw new Unknown();
    stack.push(wrap(value));
  };
  const peek = (depth: number) => known(stack[stack.length - 1 - depth]);
  const register = (number: number, offset: bigint) => {
    const name = registerName(number);
    push(known(name === undefined ? undefined : frame.register(name)) + offset);
  };
  const read = (size: number) => {
    const address = pop();
    if (size !== 1 && size !== 2 && size !== 4 && size !== 8) throw new Unknown();
    push(known(frame.read(address, size)));
  };
  const binary = (compute: (second: bigint, top: bigint) => bigint) => {
    const top = pop();
    push(compute(pop(), top));
  };
  const compare = (holds: (second: bigint, top: bigint) => boolean) =>
    binary((second, top) => (holds(signed(second), signed(top)) ? 1n : 0n));
  const shift = (compute: (value: bigint, by: bigint) => bigint, beyond: (value: bigint) => bigint) =>
    binary((value, by) => (by >= BigInt(bits) ? beyond(value) : compute(value, by)));

  for (let step = 0; reader.left > 0; step++) {
    if (step >= MAX_STEPS) throw new Unknown();
    const op = reader.u8();
    if (op >= 0x30 && op <= 0x4f)
      push(BigInt(op - 0x30)); // DW_OP_lit0 … lit31
    else if (op >= 0x70 && op <= 0x8f)
      register(op - 0x70, reader.wideLeb(true)); // DW_OP_breg0 … breg31
    else {
      switch (op) {
        case 0x06: // DW_OP_deref
          read(pointerSize);
          break;
        case 0x94: // DW_OP_deref_size
          read(reader.u8());
          break;
        case 0x08: // DW_OP_const1u
          push(BigInt(reader.u8()));
          break;
        case 0x09: // DW_OP_const1s
          push(BigInt(reader.i8()));
          break;
        case 0x0a: // DW_OP_const2u
          push(BigInt(reader.u16()));
          break;
        case 0x0b: // DW_OP_const2s
          push(BigInt(reader.i16()));
          break;
        case 0x0c: // DW_OP_const4u
          push(BigInt(reader.u32()));
          break;
        case 0x0d: // DW_OP_const4s
          push(BigInt(reader.i32()));
          break;
        case 0x0e: // DW_OP_const8u
        case 0x0f: // DW_OP_const8s
          push(reader.wide());
          break;
        case 0x10: // DW_OP_constu
          push(reader.wideLeb(false));
          break;
        case 0x11: // DW_OP_consts
          push(reader.wideLeb(true));
          break;
        case 0x12: // DW_OP_dup
          push(peek(0));
          break;
        case 0x13: // DW_OP_drop
          pop();
          break;
        case 0x14: // DW_OP_over
          push(peek(1));
          break;
        case 0x15: // DW_OP_pick
          push(peek(reader.u8()));
          break;
        case 0x16: {
          // DW_OP_swap
          const top = pop();
          const second = pop();
          push(top);
          push(second);
          break;
        }
        case 0x17: {
          // DW_OP_rot
          const top = pop();
          const second = pop();
          const third = pop();
          push(top);
          push(third);
          push(second);
          break;
        }
        case 0x19: {
          // DW_OP_abs
          const value = signed(pop());
          push(value < 0n ? -value : value);
          break;
        }
        case 0x1a: // DW_OP_and
          binary((second, top) => second & top);
          break;
        case 0x1b: // DW_OP_div: signed
          binary((second, top) => signed(second) / signed(top));
          break;
        case 0x1c: // DW_OP_minus
          binary((second, top) => second - top);
          break;
        case 0x1d: // DW_OP_mod: unsigned, as all debuggers have it
          binary((second, top) => second % top);
          break;
        case 0x1e: // DW_OP_mul
          binary((second, top) => second * top);
          break;
        case 0x1f: // DW_OP_neg
          push(-pop());
          break;
        case 0x20: // DW_OP_not
          push(~pop());
          break;
        case 0x21: // DW_OP_or
          binary((second, top) => second | top);
          break;
        case 0x22: // DW_OP_plus
          binary((second, top) => second + top);
          break;
        case 0x23: // DW_OP_plus_uconst
          push(pop() + reader.wideLeb(false));
          break;
        case 0x24: // DW_OP_shl
          shift(
            (value, by) => value << by,
            () => 0n,
          );
          break;
        case 0x25: // DW_OP_shr
          shift(
            (value, by) => value >> by,
            () => 0n,
          );
          break;
        case 0x26: // DW_OP_shra
          shift(
            (value, by) => signed(value) >> by,
            (value) => (signed(value) < 0n ? -1n : 0n),
          );
          break;
        case 0x27: // DW_OP_xor
          binary((second, top) => second ^ top);
          break;
        case 0x28: {
          // DW_OP_bra
          const distance = reader.i16();
          if (pop() !== 0n) jump(reader, distance);
          break;
        }
        case 0x29: // DW_OP_eq
          compare((second, top) => second === top);
          break;
        case 0x2a: // DW_OP_ge
          compare((second, top) => second >= top);
          break;
        case 0x2b: // DW_OP_gt
          compare((second, top) => second > top);
          break;
        case 0x2c: // DW_OP_le
          compare((second, top) => second <= top);
          break;
        case 0x2d: // DW_OP_lt
          compare((second, top) => second < top);
          break;
        case 0x2e: // DW_OP_ne
          compare((second, top) => second !== top);
          break;
        case 0x2f: // DW_OP_skip
          jump(reader, reader.i16());
          break;
        case 0x92: // DW_OP_bregx
          register(reader.uleb(), reader.wideLeb(true));
          break;
        case 0x96: // DW_OP_nop
          break;
        default:
          throw new Unknown();
      }
    }
  }
  return pop();
}

function jump(reader: ByteReader, distance: number): void {
  const to = reader.position + distance;
  if (to < 0 || to > reader.end) throw new Unknown();
  reader.position = to;
}
