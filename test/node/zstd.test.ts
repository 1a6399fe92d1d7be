import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { BytesSink, SeekableZstdSink } from '../../src/io/index.js';
import { findCompressor } from '../../src/node/zstd/index.js';
import { libraryCompressor } from '../../src/node/zstd/libzstd.js';
import { programCompressor } from '../../src/node/zstd/program.js';
import { unzstd } from '../io/zstd/zstd-files.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { waitFor } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, requireTool, root } from '../support/tools.js';

afterEach(removeFolders);

/** A `zstd` that does its work the first time, which is the trial, and then what the line says. */
function failing(line: string): string {
  const folder = temporaryFolder();
  const path = join(folder, 'zstd');
  writeFileSync(
    path,
    `#!/bin/sh\nif [ -e ${folder}/tried ]; then ${line}; fi\n: > ${folder}/tried\nexec ${requireTool('zstd')} "$@"\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

const openFiles = () => readdirSync('/proc/self/fd').length;

/** Processes that this one has started and not waited for, zombies among them. */
function children(): number[] {
  return readdirSync('/proc/self/task').flatMap((thread) =>
    readFileSync(`/proc/self/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}

describeWith(['zstd', needsLinux], 'the program zstd as a compressor', () => {
  it('leaves no process and no descriptor', async () => {
    const compressor = (await programCompressor())!;
    const bytes = randomBytes(300_000);
    await compressor.compress(bytes);
    const before = [openFiles(), children()];
    for (let i = 0; i < 10; i++) {
      const frames = await Promise.all([compressor.compress(bytes), compressor.compress(bytes)]);
      for (const frame of frames) expect(unzstd(frame).equals(bytes)).toBe(true);
    }
    await compressor.close();
    expect([openFiles(), children()]).toEqual(before);
  });

  it.each<[string, string, RegExp]>([
    ['is killed', 'kill -9 $$', /zstd: killed by SIGKILL$/],
    ['fails', 'echo "zstd: no luck" >&2; exit 70', /zstd: exit code 70: zstd: no luck$/],
    ['is killed after its input', 'cat > /dev/null; kill -TERM $$', /killed by SIGTERM$/],
    ['prints nothing', 'cat > /dev/null; exit 0', /gave nothing$/],
  ])('that %s is an error, and the sink below is given up', async (_what, line, message) => {
    const before = [openFiles(), children()];
    const compressor = (await programCompressor(failing(line)))!;
    const inner = new BytesSink();
    const sink = new SeekableZstdSink(inner, compressor);
    const write = async () => {
      await sink.write(new Uint8Array(5 << 20).fill(1));
      await sink.close();
    };
    const failed = await write().catch((error) => error);
    expect(failed).toMatchObject({ code: 'write-failed', message: expect.stringMatching(message) });
    await sink.abort();
    expect(inner.bytes()).toHaveLength(0);
    expect([openFiles(), children()]).toEqual(before);
  });

  it('that hangs is ended when the dump is given up', async () => {
    const before = [openFiles(), children()] as const;
    const compressor = (await programCompressor(failing('exec sleep 1000')))!;
    const sink = new SeekableZstdSink(new BytesSink(), compressor);
    await sink.write(new Uint8Array(2 << 20).fill(1));
    await waitFor('two of them', () => children().length === before[1].length + 2);
    await sink.abort();
    expect([openFiles(), children()]).toEqual(before);
  });

  it('is none where the first trial fails', async () => {
    for (const line of ['exit 1', 'kill -9 $$']) {
      const path = failing(line);
      writeFileSync(join(path, '..', 'tried'), '');
      expect(await programCompressor(path)).toBeUndefined();
    }
    expect(await programCompressor('/no/such/zstd')).toBeUndefined();
  });

  it('is looked for in PATH, but not in the current folder', async () => {
    const path = process.env.PATH;
    try {
      process.env.PATH = ['', join(requireTool('zstd'), '..')].join(delimiter);
      expect(await programCompressor()).toBeDefined();
      process.env.PATH = delimiter;
      expect(await programCompressor()).toBeUndefined();
    } finally {
      process.env.PATH = path;
    }
  });
});

describeWith(['zstd', needsLinux], 'libzstd as a compressor', () => {
  it('compresses side by side, and can be closed twice', async () => {
    const compressor = libraryCompressor()!;
    const all = Array.from({ length: 8 }, (_, i) => randomBytes(200_000 * i + 1));
    const frames = await Promise.all(all.map((bytes) => compressor.compress(bytes)));
    for (const [i, frame] of frames.entries()) expect(unzstd(frame).equals(all[i]!)).toBe(true);
    const late = compressor.compress(all[7]!);
    await compressor.close();
    expect(unzstd(await late).equals(all[7]!)).toBe(true);
    await compressor.close();
  });

  it('is what is taken where node:zlib has no zstd', async () => {
    const zlib = await import('node:zlib');
    const compressor = await findCompressor();
    expect(compressor.constructor.name).toBe('zstdCompress' in zlib ? 'Object' : 'LibraryCompressor');
  });
});

describeWith(['node-22', 'zstd', needsBuild], 'node:zlib of Node 22', () => {
  /** What the module as it is built does there. */
  function inNode22(script: string): string {
    const module = join(root, 'dist', 'node', 'zstd', 'node-zlib.js');
    expect(existsSync(module)).toBe(true);
    const prelude = `
      const { nodeCompressor, nodeDecompressor } = await import(${JSON.stringify(module)});
      const compressor = nodeCompressor(), decompress = nodeDecompressor();
      const random = (await import('node:crypto')).randomBytes;`;
    return execFileSync(requireTool('node-22'), ['--input-type=module', '-e', prelude + script], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
  }

  it('makes frames that zstd takes', () => {
    const frame = inNode22(`
      const bytes = Buffer.concat([random(100000), Buffer.alloc(900000, 'text')]);
      const frame = await compressor.compress(bytes);
      console.log(JSON.stringify([Buffer.from(frame).toString('base64'), bytes.toString('base64')]));`);
    const [packed, bytes] = JSON.parse(frame).map((text: string) => Buffer.from(text, 'base64'));
    expect(packed.length).toBeLessThan(110_000);
    expect(unzstd(packed).equals(bytes)).toBe(true);
  });

  it('gives exactly what was compressed, or an error', () => {
    const results = inNode22(`
      const results = [];
      for (const size of [1, 63, 64, 65, 100000, 1 << 20]) {
        const bytes = random(size);
        const frame = await compressor.compress(bytes);
        results.push(Buffer.from(decompress(frame, size)).equals(bytes));
        for (const wrong of [size - 1, size + 1, 2 * size]) {
          if (wrong < 1) continue;
          try { decompress(frame, wrong); results.push('no error'); } catch (error) { results.push(error.code); }
        }
        frame[frame.length - 1] ^= 1; // the checksum
        try { decompress(frame, size); results.push('no error'); } catch (error) { results.push(error.code); }
      }
      console.log(JSON.stringify(results));`);
    // Of one byte: twice as many is one more, and one less is none.
    const each = [true, 'malformed', 'malformed', 'malformed', 'malformed'];
    expect(JSON.parse(results)).toEqual([each.slice(0, 4), each, each, each, each, each].flat());
  });
});
