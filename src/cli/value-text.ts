import { GUID, guidText } from '../format/index.js';
import { CpuContext } from '../reader/index.js';
import { hex, hexDump, printable } from './text.js';

/** A list that is longer than this is cut short for people; `--json` has it whole. */
const LONGEST = 4096;

/**
 * Any decoded stream as text for people: one field a line, structures indented, short structures of a list one below another.
 * Numbers are decimal with the hexadecimal beside them where that says more.
 */
export function valueText(value: unknown, indent = ''): string {
  return [...lines(value, indent)].join('\n');
}

function* lines(value: unknown, indent: string): Generator<string> {
  if (isLeaf(value)) {
    yield `${indent}${leaf(value)}`;
  } else if (value instanceof Uint8Array) {
    for (const line of hexDump(value, 0).split('\n')) yield `${indent}${line}`;
  } else if (Array.isArray(value)) {
    yield* listLines(value, indent);
  } else {
    const entries = fieldsOf(value as object);
    const width = Math.max(0, ...entries.filter(([, v]) => isLeaf(v)).map(([name]) => name.length));
    for (const [name, field] of entries) {
      if (isLeaf(field)) {
        yield `${indent}${name.padEnd(width)}  ${leaf(field)}`.trimEnd();
      } else if (isEmpty(field)) {
        yield `${indent}${name.padEnd(width)}  none`;
      } else if (Array.isArray(field) && field.every((item) => typeof item === 'number')) {
        yield `${indent}${name.padEnd(width)}  ${field.join(' ')}`;
      } else {
        yield `${indent}${name}`;
        yield* lines(field, `${indent}  `);
      }
    }
  }
}

function* listLines(list: readonly unknown[], indent: string): Generator<string> {
  if (list.length === 0) yield `${indent}none`;
  for (const [i, item] of list.slice(0, LONGEST).entries()) {
    if (isLeaf(item)) {
      yield `${indent}${leaf(item)}`;
    } else {
      yield `${indent}[${i}]`;
      yield* lines(item, `${indent}  `);
    }
  }
  if (list.length > LONGEST) yield `${indent}… and ${list.length - LONGEST} more`;
}

function fieldsOf(value: object): [string, unknown][] {
  if (value instanceof CpuContext) return value.registerNames.map((name) => [name, value.register(name)]);
  return Object.entries(value).filter(([name, field]) => {
    // Where all is well, that need not be said of every thread and module.
    if (name === 'problems' && isEmpty(field)) return false;
    return field !== undefined && typeof field !== 'function';
  });
}

function isLeaf(value: unknown): boolean {
  return (
    typeof value !== 'object' || value === null || value instanceof Error || isShort(value) || isGuid(value)
  );
}

const GUID_FIELDS = GUID.fields.map(({ name }) => name).join();

function isGuid(value: object): value is GUID {
  return Object.keys(value).join() === GUID_FIELDS;
}

function isShort(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= 32;
}

function isEmpty(value: unknown): boolean {
  return (Array.isArray(value) || value instanceof Uint8Array) && value.length === 0;
}

function leaf(value: unknown): string {
  switch (typeof value) {
    case 'bigint':
      return hex(value);
    case 'number':
      return value > 9 && Number.isInteger(value) ? `${value} (${hex(value)})` : String(value);
    case 'string':
      return printable(value);
    default:
      if (isShort(value)) return Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
      if (value instanceof Error) return `error: ${printable(value.message)}`;
      if (typeof value === 'object' && value !== null && isGuid(value)) return guidText(value);
      return String(value);
  }
}
