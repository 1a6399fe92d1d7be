import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { BytesSource, runSync } from '../../src/io/index.js';
import { openCabinet } from '../../src/object/cabinet/index.js';
import { PdbDebugInformation, PdbFile } from '../../src/object/pdb/index.js';
import { separatedPdb } from '../object/pdb/separated-pdb.js';
import { silentListener } from '../object/silent-listener.js';
import { damage } from './bytes.js';
import { askFunction } from './information.js';
import { type Kind, type Places, pick, type Random, tolerate } from './kind.js';

const BLOCK = 4096;

/** Damaged PDBs, and cabinets: asked for functions, for frames, sometimes for all that they know. */
export function pdbFiles({ corpus }: Places): Kind {
  const windows = (name: string) => join(corpus, 'symbolic/windows', name);
  const whole = ['crash.pdb', 'CrashWithException.pdb'].map(
    (name) => new Uint8Array(readFileSync(windows(name))),
  );
  // Code that lies apart: compilers write it, but none of the corpus has it.
  const handler = 'google_breakpad::ExceptionHandler::';
  const chain = ['HandleException', '~ExceptionHandler', 'Initialize'].map((name) => handler + name);
  const bases = [...whole, separatedPdb(windows('crash.pdb'), ...chain)].map((bytes) => {
    const information = new PdbDebugInformation(runSync(PdbFile.open(new BytesSource(bytes))));
    const places: number[] = [];
    runSync(
      information.list(
        silentListener({ function: (start, size) => places.push(start, start + (size >> 1)) }),
      ),
    );
    return { bytes, places };
  });
  const cabinet = cabinetOf(bases[1]!.bytes.slice(0, 100_000));
  return {
    attempt(random) {
      if (random(8) === 0) {
        const bytes = cabinet.slice();
        for (let n = 1 + random(4); n > 0; n--) {
          damage(bytes, random(2) === 0 ? random(100) : random(bytes.length), random);
        }
        tolerate(() => runSync(openCabinet(new BytesSource(bytes), { limit: 1 << 20 })));
        return bytes.length;
      }
      const { bytes: original, places } = pick(bases, random);
      const bytes = random(16) === 0 ? original.slice(0, random(original.length)) : original.slice();
      for (let n = 1 + random(8); n > 0; n--) {
        const block = random(original.length / BLOCK) * BLOCK;
        // Heads of streams are where the counts and sizes are.
        const within = random(3) === 0 ? random(64) : random(BLOCK);
        damage(bytes, random(12) === 0 ? random(64) : block + within, random);
      }
      ask(bytes, places, random);
      return bytes.length;
    },
  };
}

function ask(bytes: Uint8Array, places: readonly number[], random: Random): void {
  tolerate(() => {
    const information = new PdbDebugInformation(runSync(PdbFile.open(new BytesSource(bytes))));
    for (let n = 0; n < 6; n++) {
      const rva = pick(places, random);
      askFunction(information, rva);
      runSync(information.windowsFrameAt(rva));
    }
    if (random(3) === 0) runSync(information.list(silentListener()));
  });
}

/** A cabinet of one file, MSZIP, without checksums: what is damaged in it comes to whoever unpacks it. */
function cabinetOf(file: Uint8Array): Uint8Array {
  const blocks: Buffer[] = [];
  for (let at = 0; at < file.length; at += 32768) {
    const piece = file.subarray(at, at + 32768);
    const options = at === 0 ? {} : { dictionary: file.subarray(at - 32768, at) };
    const packed = Buffer.concat([Buffer.from('CK'), deflateRawSync(piece, options)]);
    const head = Buffer.alloc(8);
    head.writeUInt16LE(packed.length, 4);
    head.writeUInt16LE(piece.length, 6);
    blocks.push(head, packed);
  }
  const head = Buffer.alloc(36 + 8 + 16 + 6);
  head.write('MSCF');
  head.writeUInt32LE(44, 16);
  head.writeUInt16LE(0x103, 24);
  head.writeUInt16LE(1, 26);
  head.writeUInt16LE(1, 28);
  head.writeUInt32LE(head.length, 36);
  head.writeUInt16LE(blocks.length / 2, 40);
  head.writeUInt16LE(1, 42);
  head.writeUInt32LE(file.length, 44);
  head.write('a.pdb\0', 60);
  return new Uint8Array(Buffer.concat([head, ...blocks]));
}
