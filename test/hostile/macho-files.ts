import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BytesSource, runSync } from '../../src/io/index.js';
import { SymRecords } from '../../src/object/breakpad/sym-records.js';
import {
  isMachO,
  MachFile,
  MachFunctions,
  MachSymbolListing,
  machDebugInformation,
} from '../../src/object/macho/index.js';
import { damage, nasty } from './bytes.js';
import { decompress } from './elf-files.js';
import { applyRow, askFunction } from './information.js';
import { type Kind, type Places, pick, type Random, tolerate } from './kind.js';

/** A Mach-O file, and what is where in it. */
interface Base {
  readonly bytes: Uint8Array;
  /** Bytes of its load commands. */
  readonly commands: number;
  /** Parts with something that is parsed. */
  readonly parts: readonly { offset: number; size: number }[];
}

const PARSED = /^__debug_|^__eh_frame$|^__unwind_info$/;
const HEADER = 32;

/** Damaged Mach-O files: headers, load commands, symbols, exports, compact unwind information, DWARF; also in universal files. */
export function machoFiles({ corpus }: Places): Kind {
  const macos = join(corpus, 'symbolic/macos');
  const module = baseOf(join(macos, 'crash'));
  const debug = baseOf(join(macos, 'crash.dSYM/Contents/Resources/DWARF/crash'));
  const good = new BytesSource(module.bytes);
  const functions = runSync(
    runSync(MachFunctions.open(runSync(MachFile.open(good)), new Uint32Array()))!.all(),
  );
  const places = functions.flatMap(({ start, size }) => [
    start,
    start + 1,
    start + (size >> 1),
    start + size - 1,
  ]);
  return {
    attempt(random) {
      const isDebug = random(4) === 0;
      const bytes = damaged(isDebug ? debug : module, random);
      const whole = random(8) === 0 ? universal(bytes, random) : bytes;
      tolerate(() => {
        isMachO(whole);
        const file = runSync(MachFile.open(new BytesSource(whole), { cpu: 'amd64', decompress }));
        const other = tolerate(() => (isDebug ? runSync(MachFile.open(good)) : undefined));
        const files = other ? { module: other, debug: file } : { module: file };
        ask(files, places, random);
        if (random(8) === 0) runSync(new MachSymbolListing(files).list(new SymRecords()));
      });
      return whole.length;
    },
  };
}

function baseOf(path: string): Base {
  const bytes = new Uint8Array(readFileSync(path));
  const { commands } = runSync(MachFile.open(new BytesSource(bytes)));
  const { symbols, functionStarts, exportsTrie } = commands;
  return {
    bytes,
    commands: new DataView(bytes.buffer).getUint32(20, true),
    parts: [
      ...commands.sections.filter(({ name, offset }) => offset !== 0 && PARSED.test(name)),
      ...(symbols ? [{ offset: symbols.offset, size: symbols.count * 16 }, symbols.texts] : []),
      ...[functionStarts, exportsTrie].filter((one) => one !== undefined),
    ].filter(({ size }) => size > 0),
  };
}

function damaged({ bytes: original, commands, parts }: Base, random: Random): Uint8Array {
  const bytes = random(16) === 0 ? original.slice(0, random(original.length)) : original.slice();
  for (let n = 1 + random(6); n > 0; n--) {
    const choice = random(12);
    if (choice === 0) damage(bytes, random(HEADER), random);
    else if (choice < 4) damageCommand(bytes, commands, random);
    else {
      const { offset, size } = pick(parts, random);
      // Heads of tables are where the counts, sizes and offsets are.
      const within = random(3) === 0 ? Math.min(size, 64) : size;
      damage(bytes, offset + random(within), random, pick([size, original.length], random));
    }
  }
  return bytes;
}

/** One number of a load command: it becomes another one, or that of another place. */
function damageCommand(bytes: Uint8Array, commands: number, random: Random): void {
  const at = HEADER + random(commands / 4) * 4;
  if (at + 8 > bytes.length) return;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const from = HEADER + random(commands / 4) * 4;
  if (random(3) === 0) bytes.copyWithin(at, from, Math.min(from + 8, bytes.length));
  else view.setUint32(at, nasty(random, bytes.length), true);
}

/** A universal file around it, which may be broken itself. */
function universal(bytes: Uint8Array, random: Random): Uint8Array {
  const whole = new Uint8Array(0x100 + bytes.length);
  const view = new DataView(whole.buffer);
  [0xcafebabe, 2, 7, 3, 0x100, bytes.length, 0, 0x0100_0007, 3, 0x100, bytes.length, 0].forEach(
    (value, i) => {
      view.setUint32(i * 4, value, false);
    },
  );
  whole.set(bytes, 0x100);
  if (random(2) === 0) damage(whole, random(48), random);
  return whole;
}

function ask(files: { module: MachFile; debug?: MachFile }, places: readonly number[], random: Random): void {
  const information = machDebugInformation(files);
  for (let n = 0; n < 5; n++) {
    const rva = random(6) === 0 ? nasty(random, 0x10000) : pick(places, random);
    askFunction(information, rva);
    applyRow(runSync(information.cfiAt(rva)));
  }
  const table = tolerate(() => runSync(MachFunctions.openExports(files.module, new Uint32Array())));
  tolerate(() => table && runSync(table.all()));
}
