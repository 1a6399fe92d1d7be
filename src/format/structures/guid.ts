import { bytes, struct, u16, u32, type ValueOf } from '../layout.js';

export const GUID = struct('GUID', {
  Data1: u32,
  Data2: u16,
  Data3: u16,
  Data4: bytes(8),
});
export type GUID = ValueOf<typeof GUID>;

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** The 32 hexadecimal digits, in lower case. */
export function guidDigits(guid: GUID): string {
  const rest = Array.from(guid.Data4, (byte) => hex(byte, 2)).join('');
  return hex(guid.Data1, 8) + hex(guid.Data2, 4) + hex(guid.Data3, 4) + rest;
}

/** With dashes, in lower case: `3f2504e0-4f89-11d3-9a0c-0305e82c3301`. */
export function guidText(guid: GUID): string {
  const digits = guidDigits(guid);
  return [0, 8, 12, 16, 20].map((start, i, all) => digits.slice(start, all[i + 1])).join('-');
}

export function isZeroGuid(guid: GUID): boolean {
  return guid.Data1 === 0 && guid.Data2 === 0 && guid.Data3 === 0 && guid.Data4.every((byte) => byte === 0);
}
