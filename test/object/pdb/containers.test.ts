import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BytesSource, runAsync, runSync } from '../../../src/io/index.js';
import { isPdb, PdbDebugInformation, PdbFile } from '../../../src/object/pdb/index.js';
import { corpusFolder, describeWith, needsCorpus } from '../../support/tools.js';
import { corpusPath, listed, openPdb } from './open.js';
import { msfOf, streamsOf } from './rebuild.js';

const crash = corpusPath('windows/crash.pdb');
const informationOf = (bytes: Uint8Array) =>
  new PdbDebugInformation(runSync(PdbFile.open(new BytesSource(bytes))));

describe('what is no PDB of 7.00', () => {
  it('is told by its first bytes', () => {
    const old = Buffer.from(
      'Microsoft C/C++ program database 2.00\r\n\x1aJG\0\0'.padEnd(100, '\0'),
      'latin1',
    );
    expect(isPdb(old)).toBe(true);
    expect(() => runSync(PdbFile.open(new BytesSource(old)))).toThrow(
      expect.objectContaining({ code: 'unsupported', message: expect.stringContaining('format 2.00') }),
    );
    expect(isPdb(Buffer.from('MZ'.padEnd(100)))).toBe(false);
    expect(() => runSync(PdbFile.open(new BytesSource(Buffer.from('MZ'.padEnd(100)))))).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    );
  });
});

describeWith([needsCorpus], 'the container of a PDB', () => {
  it.each([
    ['512 bytes, with a directory that two blocks list', 512, 9_000_000],
    ['1024 bytes', 1024, 0],
    ['8192 bytes', 8192, 0],
    ['32768 bytes, the largest', 32768, 0],
  ])('may have blocks of %s, in any order', (_, blockSize, more) => {
    const streams = [...streamsOf(crash), undefined, new Uint8Array(more).fill(7)];
    const bytes = msfOf(streams, blockSize);
    expect(isPdb(bytes)).toBe(true);
    expect(listed(informationOf(bytes))).toEqual(listed(openPdb(crash).information));
  });

  it('is read by ranges, and of what answers later too', async () => {
    const bytes = readFileSync(crash);
    let read = 0;
    const source = {
      size: bytes.length,
      read: async (offset: number, length: number) => {
        read += length;
        return new Uint8Array(bytes.subarray(offset, offset + length));
      },
    };
    const pdb = await runAsync(PdbFile.open(source));
    expect(pdb.debugIdentifier).toBe('3249D99D0C4049318610F4E4FB0B69361');
    expect(read).toBeLessThan(bytes.length / 4);
    const found = await runAsync(new PdbDebugInformation(pdb).functionAt(0x2a3d));
    expect(found).toEqual(runSync(openPdb(crash).information.functionAt(0x2a3d)));
  });

  it('that a source server was told in: the same identifier, as the age of DBI counts', () => {
    const { pdb } = openPdb(corpusPath('windows/crash_with_srcsrv.pdb'));
    expect(pdb).toMatchObject({ fileAge: 4, age: 1, hasSourceServer: true });
    expect(pdb.debugIdentifier).toBe(openPdb(crash).pdb.debugIdentifier);
    const srcsrv = runSync(pdb.namedStream('srcsrv'))!;
    expect(new TextDecoder().decode(runSync(srcsrv.read(0, srcsrv.size)))).toMatch(/^SRCSRV: ini/);
  });
});

describeWith([needsCorpus], 'an image that was rearranged after it was linked (OMAP)', () => {
  /** RequestDump (1000) moved to 8000; the destructor at 1120 is at 1000 now; 1060 to 1180 is new code of nobody. */
  function rearranged(): PdbDebugInformation {
    const streams = streamsOf(crash);
    const rows = (...numbers: number[]) => new Uint8Array(Uint32Array.from(numbers).buffer);
    const toSource = rows(0, 0, 0x1000, 0x1120, 0x1060, 0, 0x1180, 0x1180, 0x8000, 0x1000, 0x8120, 0);
    const fromSource = rows(0, 0, 0x1000, 0x8000, 0x1120, 0x1000, 0x1180, 0x1180);
    const dbi = streams[3]!;
    const view = new DataView(dbi.buffer, dbi.byteOffset, dbi.byteLength);
    // The list of further streams is the last part.
    const list = dbi.length - view.getUint32(48, true);
    view.setUint16(list + 2 * 3, streams.push(toSource) - 1, true);
    view.setUint16(list + 2 * 4, streams.push(fromSource) - 1, true);
    view.setUint16(list + 2 * 10, view.getUint16(list + 2 * 5, true), true);
    return informationOf(msfOf(streams, 4096));
  }

  it('functions, lines and frames are found where they are now', () => {
    const information = rearranged();
    const before = openPdb(crash).information;
    const at = (rva: number) => runSync(information.functionAt(rva));
    const was = (rva: number) => runSync(before.functionAt(rva))!;
    expect(at(0x8011)).toEqual({ ...was(0x1011), start: 0x8000, lineStart: 0x8011 });
    expect(at(0x1003)).toEqual({ ...was(0x1123), start: 0x1000, lineStart: 0x1003 });
    expect(at(0x1070)).toBeUndefined();
    expect(at(0x2a3d)).toEqual(was(0x2a3d));
    expect(runSync(information.windowsFrameAt(0x8010))).toEqual({
      ...runSync(before.windowsFrameAt(0x1010)),
      start: 0x800f,
    });
    const { functions, frames } = listed(information);
    const all = listed(before);
    const moved = functions.find(({ start }) => start === 0x8000)!;
    expect(moved).toMatchObject({ size: 0x114, name: was(0x1000).name });
    expect(moved.lines.map(({ start }) => start - 0x7000)).toEqual(
      all.functions.find(({ start }) => start === 0x1000)!.lines.map(({ start }) => start),
    );
    expect(functions).toHaveLength(all.functions.length);
    expect(frames).toContain(all.frames[0]!.replace(' 1000 ', ' 8000 '));
  });
});

describeWith([needsCorpus], 'the stack of a dump of crash.exe', () => {
  it('has the functions, files and lines that symbolicator has: minidump_windows.snap', () => {
    const text = readFileSync(join(corpusFolder()!, 'symbolicator/expected/minidump_windows.snap'), 'utf8');
    const frames = [
      ...text.matchAll(
        /instruction_addr: "0x([0-9a-f]+)"(?:\n +(?!instruction_addr)\S.*)*?\n +sym_addr: "0x([0-9a-f]+)"\n +function: (.*)\n +filename: .*\n +abs_path: (".*")\n +lineno: (\d+)/g,
      ),
    ].map(([, at, start, name, file, line]) => ({
      at: Number.parseInt(at!, 16) - 0x2a0000,
      start: Number.parseInt(start!, 16) - 0x2a0000,
      name: name!,
      file: JSON.parse(file!) as string,
      line: Number(line),
    }));
    expect(frames).toHaveLength(2);
    const { information } = openPdb(crash);
    for (const { at, name, start, file, line } of frames) {
      const found = runSync(information.functionAt(at))!;
      // Of a function without a public symbol we have the arguments too.
      expect({ ...found, name: found.name.replace(/\(\)$/, '') }).toMatchObject({ name, start, file, line });
    }
  });
});
