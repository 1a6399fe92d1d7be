/** `0x0000000a`: 32 bits, or what is there if there are more. */
export function hex32(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

export function hex64(value: bigint): string {
  return `0x${value.toString(16).padStart(16, '0')}`;
}

/** What is said of codes that nobody has a name for. */
export function unknownReason(code: number, flags: number): string {
  return `unknown ${hex32(code)} / ${hex32(flags)}`;
}

/** Bits of a 64-bit code: so many from `shift` up. */
export function bits(value: bigint, shift: number, count: number): bigint {
  return BigInt.asUintN(count, value >> BigInt(shift));
}
