import { GUID, guidText } from '../format/index.js';
import { hex } from '../io/bytes.js';
import { MinidumpError } from '../io/index.js';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const guidFields = GUID.fields.map(({ name }) => name).join();

/**
 * Anything the reader gives, as JSON can hold it:
 *
 * - a `bigint` (addresses, all that is 64 bits wide) is a text in hexadecimal, `"0x7ffe1000"`; numbers stay numbers
 * - bytes are `{ "length": 3, "hex": "0a0b0c" }`
 * - a GUID is its text
 * - an error is `{ "code", "message" }`
 * - what is undefined is left out
 */
export function toJson(value: unknown): Json {
  return convert(value, 0);
}

/** Nothing of the reader's is nested as deep; a stream that is JSON itself may be nested as deep as it is long. */
const DEEPEST = 200;

function convert(value: unknown, depth: number): Json {
  if (value === null || value === undefined) return null;
  switch (typeof value) {
    case 'bigint':
      return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'object':
      if (depth === DEEPEST) throw new MinidumpError('malformed', `JSON: nested deeper than ${DEEPEST}`);
      return objectToJson(value, depth + 1);
    default:
      return null;
  }
}

function objectToJson(value: object, depth: number): Json {
  if (value instanceof Uint8Array) return { length: value.length, hex: hex(value) };
  if (value instanceof MinidumpError) return { code: value.code, message: value.message };
  if (Array.isArray(value)) return value.map((one) => convert(one, depth));
  if (value instanceof Map) return objectToJson(Object.fromEntries(value), depth);
  if ('toJSON' in value && typeof value.toJSON === 'function') return convert(value.toJSON(), depth);
  if (Object.keys(value).join() === guidFields) return guidText(value as GUID);
  const all: { [key: string]: Json } = {};
  for (const [key, one] of Object.entries(value)) {
    if (one === undefined || typeof one === 'function') continue;
    // Not an assignment: a key named __proto__ (an annotation may have any name) must stay a key.
    Object.defineProperty(all, key, {
      value: convert(one, depth),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return all;
}
