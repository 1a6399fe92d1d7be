import { toJson as plain } from '../reader/index.js';
import { printableJson } from './text.js';

/** What programs read: 64-bit numbers as `"0x…"`, bytes as `{ length, hex }`, errors as `{ code, message }`. */
export function toJson(value: unknown): string {
  return printableJson(JSON.stringify(plain(value), undefined, 2));
}
