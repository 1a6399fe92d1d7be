import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readRange, runAsync, runSync } from '../../src/io/index.js';
import { FileSource } from '../../src/node/file-source.js';

const folder = mkdtempSync(join(tmpdir(), 'mdmp-source-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('FileSource', () => {
  it('gives the bytes that are asked for, and fewer only at the end', async () => {
    const file = join(folder, 'bytes');
    writeFileSync(
      file,
      Uint8Array.from({ length: 1000 }, (_, i) => i),
    );
    using source = new FileSource(file);
    expect(source.size).toBe(1000);
    expect([...source.read(254, 4)]).toEqual([254, 255, 0, 1]);
    expect(source.read(990, 100)).toHaveLength(10);
    expect(source.read(1000, 1)).toHaveLength(0);
    expect(source.read(5000, 1)).toHaveLength(0);
    // A Buffer would share its bytes where a Uint8Array copies them: Buffer.slice is a view.
    expect(source.read(0, 4).constructor).toBe(Uint8Array);
    expect([...runSync(readRange(source, 1, 2))]).toEqual([1, 2]);
    expect([...(await runAsync(readRange(source, 1, 2)))]).toEqual([1, 2]);
  });

  it('reads past 4 GiB', async () => {
    const file = join(folder, 'large');
    const offset = 5 * 2 ** 30 + 3;
    const handle = await open(file, 'w');
    await handle.write('MDMP', offset); // sparse: takes one block
    await handle.close();
    using source = new FileSource(file);
    expect(source.size).toBe(offset + 4);
    expect(Buffer.from(source.read(offset, 10)).toString()).toBe('MDMP');
  });

  it('says when a file was shortened after it was opened', () => {
    const file = join(folder, 'shortened');
    writeFileSync(file, new Uint8Array(100));
    using source = new FileSource(file);
    truncateSync(file, 10);
    expect(source.read(0, 100)).toHaveLength(10);
    expect(() => runSync(readRange(source, 0, 100))).toThrow(expect.objectContaining({ code: 'truncated' }));
  });

  it('refuses what is not there, and what is not a file', () => {
    const refused = (file: string, message: RegExp) =>
      expect(() => new FileSource(file)).toThrow(
        expect.objectContaining({ code: 'input-unreadable', message: expect.stringMatching(message) }),
      );
    refused(join(folder, 'nothing'), /there is no file/);
    refused(folder, /is a folder/);
    if (process.platform !== 'win32') {
      const pipe = join(folder, 'pipe');
      execFileSync('mkfifo', [pipe]);
      refused(pipe, /not a regular file/); // and does not wait for a writer
    }
  });

  it('is closed once, and not read after that', () => {
    const file = join(folder, 'closed');
    writeFileSync(file, 'x');
    const source = new FileSource(file);
    source.close();
    source.close();
    expect(() => source.read(0, 1)).toThrow(/was closed/);
  });
});
