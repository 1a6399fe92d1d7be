import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BytesSource, runSync } from '../../src/io/index.js';
import { parseSymFile, SymIndex, windowsProgram, writeSymIndex } from '../../src/object/breakpad/index.js';
import { checksumOf, HEADER, HEADER_SIZE } from '../../src/object/breakpad/index-layout.js';
import { nasty } from './bytes.js';
import { type Kind, type Places, pick, type Random, tolerate } from './kind.js';

const FILES = [
  'breakpad/symbols/test_app.pdb/5A9832E5287241C1838ED98914E9B7FF1/test_app.sym',
  'breakpad/symbols/ld-2.13.so/C32AD7E235EA6112E02A5B9D6219C4850/ld-2.13.so.sym',
  'breakpad/symbols/overflow/B0E1FC01EF48E39CAF5C881D2DF0C3840/overflow.sym',
  'symbolic/linux/crash.sym',
  'symbolic/macos/crash.inlines.sym',
];
/** Lines of a piece that is damaged: enough for some functions. */
const LINES = 120;

const FIELDS = [
  ...[
    '0',
    '1',
    '-1',
    '7fffffff',
    'ffffffff',
    '100000000',
    '20000000000000',
    'ffffffffffffffff',
    'fffffffffffffffff',
  ],
  ...[
    '',
    ' ',
    '\t',
    '\0',
    '\r',
    ':',
    '.cfa:',
    '.ra:',
    '^',
    '@',
    '=',
    '.raSearch',
    '$eip',
    '/',
    '%',
    '.undef',
    'm',
    'é',
  ],
];
const RECORDS = [
  ...[
    'FUNC ',
    'FUNC m 0 ffffffff 0 ',
    'PUBLIC ',
    'FILE 0 ',
    'MODULE a b c d',
    'INFO CODE_ID ',
    'INLINE_ORIGIN 0 ',
  ],
  'INLINE 0 1 1 1 0 ffffffff 0 1 2 2',
  'INLINE 9999 1 1 1 1000 100',
  'STACK CFI INIT 0 ffffffff .cfa: $rsp 8 + .ra: .cfa -8 + ^',
  'STACK CFI 0 .cfa: $rsp 16 + $rbx: .cfa -24 + ^',
  'STACK WIN 4 0 ffffffff 0 0 0 0 0 0 1 $T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + =',
  'STACK WIN 0 0 ffffffff 0 0 4 4 4 0 0 1',
];

/** Damaged .sym files: parsed, an index made of them and looked up, their CFI rules and STACK WIN programs run. */
export function symFiles({ corpus }: Places): Kind {
  const files = FILES.map((name) => readFileSync(join(corpus, name), 'latin1').split('\n'));
  return {
    attempt(random) {
      const lines = damagedLines(pick(files, random), random);
      const text = lines.join('\n');
      const bytes = new Uint8Array(Buffer.from(text, 'latin1'));
      for (let n = random(3); n > 0 && bytes.length > 0; n--) bytes[random(bytes.length)] = random(256);
      const index = writeSymIndex(runSync(parseSymFile(new BytesSource(bytes))));
      if (index.length > bytes.length * 5 + 1000)
        throw new Error(`${bytes.length} bytes became ${index.length}`);
      lookUp(runSync(SymIndex.open(new BytesSource(index))), addressesIn(lines, random), random);
      return bytes.length;
    },
  };
}

/** Damaged indexes of .sym files, as a cache may give them. */
export function symIndexes({ corpus }: Places): Kind {
  const bases = FILES.map((name) => {
    const lines = readFileSync(join(corpus, name), 'latin1').split('\n');
    const pieces = Array.from({ length: 6 }, (_, i) => {
      const from = Math.floor((i * lines.length) / 6);
      return lines.slice(from, from + 400).join('\n');
    });
    const bytes = new TextEncoder().encode(`${lines[0]}\n${pieces.join('\n')}`);
    return { bytes: writeSymIndex(runSync(parseSymFile(new BytesSource(bytes)))), lines };
  });
  return {
    attempt(random) {
      const { bytes: original, lines } = pick(bases, random);
      const bytes = random(20) === 0 ? original.slice(0, random(original.length)) : original.slice();
      if (bytes.length > HEADER_SIZE + 16) damageIndex(bytes, original, random);
      tolerate(() => {
        const index = runSync(SymIndex.open(new BytesSource(bytes)));
        lookUp(index, addressesIn(lines, random), random);
      });
      return bytes.length;
    },
  };
}

function damageIndex(bytes: Uint8Array, original: Uint8Array, random: Random): void {
  const view = new DataView(bytes.buffer);
  for (let n = 1 + random(20); n > 0; n--) {
    const at = random(bytes.length - 4);
    if (random(2) === 0) bytes[at] = random(256);
    else view.setUint32(at & ~3, nasty(random, bytes.length), true);
  }
  if (random(2) === 0) {
    const at = HEADER.texts + 4 * random((HEADER_SIZE - HEADER.texts) / 4);
    view.setUint32(at, nasty(random, bytes.length), true);
  }
  if (random(8) === 0) return;
  // As by somebody who wants it to be believed.
  bytes.set(original.subarray(0, HEADER.version + 4));
  view.setUint32(HEADER.size, bytes.length, true);
  view.setUint32(HEADER.checksum, checksumOf(bytes), true);
}

export function damagedLines(file: readonly string[], random: Random): string[] {
  const lines = random(2) === 0 ? [file[0]!] : [];
  for (let piece = 1 + random(3); piece > 0; piece--) {
    const from = random(file.length);
    lines.push(...file.slice(from, from + 1 + random(LINES)));
  }
  for (let n = 1 + random(12); n > 0; n--) {
    const at = random(lines.length);
    const line = lines[at]!;
    switch (random(8)) {
      case 0:
        lines.splice(at, 0, pick(RECORDS, random));
        break;
      case 1:
        lines.splice(at, 1);
        if (lines.length === 0) lines.push('');
        break;
      case 2:
        // Twice, or where it does not belong.
        lines.splice(random(lines.length), 0, line);
        break;
      case 3:
        lines[at] = line.repeat(2 + random(4));
        break;
      case 4:
        lines[at] = `${pick(RECORDS, random)} ${line}`;
        break;
      default: {
        const fields = line.split(' ');
        fields[random(fields.length)] = pick(
          [...FIELDS, pick(fields, random), random(0x1_0000_0000).toString(16)],
          random,
        );
        lines[at] = fields.join(' ');
      }
    }
  }
  return lines;
}

/** Addresses at which something may be known. */
function addressesIn(lines: readonly string[], random: Random): number[] {
  const found: number[] = [Number.MAX_SAFE_INTEGER, 0];
  for (let n = 0; n < 10; n++) {
    const address = Number.parseInt(/\b[0-9a-f]{3,13}\b/.exec(pick(lines, random))?.[0] ?? '0', 16);
    found.push(Math.min(address + pick([0, 1, random(64)], random), Number.MAX_SAFE_INTEGER));
  }
  return found;
}

function lookUp(index: SymIndex, addresses: readonly number[], random: Random): void {
  const view = { register: () => 0x7fff_0000n, read: () => 16n };
  const input = {
    ...{
      eip: random(0x1_0000_0000),
      esp: pick([0, 0xfffffffc, random(0x1_0000_0000)], random),
      ebp: random(0x1_0000_0000),
    },
    ...{ ebx: 1, calleeParameterSize: random(64), isContextFrame: random(2) === 0 },
    read: (address: number) => (address % 7 === 0 ? undefined : random(0x1_0000_0000)),
  };
  for (const rva of addresses) {
    tolerate(() => {
      const found = runSync(index.functionAt(rva));
      if (found && !(found.start <= rva)) throw new Error(`a function at ${found.start} covers ${rva}`);
      if (found?.lineStart !== undefined && !Number.isInteger(found.lineStart))
        throw new Error(`a line at ${found.lineStart}`);
    });
    tolerate(() => {
      const row = runSync(index.cfiAt(rva));
      const cfa = row?.cfa(view, undefined);
      if (row) for (const rule of [row.returnAddress, ...row.registers.values()]) rule(view, cfa);
    });
    tolerate(() => {
      const frame = runSync(index.windowsFrameAt(rva));
      const caller = frame && windowsProgram(frame, input);
      for (const value of Object.values(caller ?? {}))
        if (value !== undefined && !(Number.isInteger(value) && value >= 0 && value <= 2 ** 33))
          throw new Error(`a register with ${value}`);
    });
  }
}
