/** zstd files for tests, and the outside judge of them: the program `zstd`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { BytesSink, type Compressor, SeekableZstdSink } from '../../../src/io/index.js';
import { requireTool } from '../../support/tools.js';

export function zstd(bytes: Uint8Array, ...options: string[]): Buffer {
  const { stdout, stderr, status } = spawnSync(requireTool('zstd'), ['-q', '-c', ...options], {
    input: bytes,
    maxBuffer: 1 << 30,
  });
  expect(stderr.toString()).toBe('');
  expect(status).toBe(0);
  return stdout;
}

/** What `zstd -d` makes of it; it must have no complaint. */
export const unzstd = (bytes: Uint8Array): Buffer => zstd(bytes, '-d');

/** How many frames that hold something `zstd -lv` sees. */
export function framesIn(bytes: Uint8Array): number {
  const folder = mkdtempSync(join(tmpdir(), 'mdmp-zstd-'));
  try {
    const file = join(folder, 'a.zst');
    writeFileSync(file, bytes);
    const { stdout } = spawnSync(requireTool('zstd'), ['-lv', file], { encoding: 'utf8' });
    return Number(/^# Zstandard Frames: (\d+)$/m.exec(stdout)?.[1]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Frames as they are, with a seek table that says of them what it is told. */
export function withSeekTable(
  frames: readonly Uint8Array[],
  entries: readonly (readonly [compressed: number, size: number])[],
  { count = entries.length, checksums = false, descriptor = -1, frameSize = -1 } = {},
): Buffer {
  const width = checksums ? 12 : 8;
  const table = Buffer.alloc(8 + entries.length * width + 9);
  table.writeUInt32LE(0x184d2a5e, 0);
  table.writeUInt32LE(frameSize < 0 ? table.length - 8 : frameSize, 4);
  for (const [i, [compressed, size]] of entries.entries()) {
    table.writeUInt32LE(compressed, 8 + i * width);
    table.writeUInt32LE(size, 12 + i * width);
  }
  table.writeUInt32LE(count, table.length - 9);
  table.writeUInt8(descriptor >= 0 ? descriptor : checksums ? 0x80 : 0, table.length - 5);
  table.writeUInt32LE(0x8f92eab1, table.length - 4);
  return Buffer.concat([...frames, table]);
}

/** Writes content in pieces of different sizes through a compressing sink. */
export async function compressed(content: Uint8Array, compressor: Compressor): Promise<Buffer> {
  const inner = new BytesSink();
  const sink = new SeekableZstdSink(inner, compressor);
  const sizes = [1, 4096, 700_001, 3, 2_500_000, 1 << 20];
  const piece = new Uint8Array(2_500_000);
  for (let at = 0, i = 0; at < content.length; i++) {
    const some = content.subarray(at, at + sizes[i % sizes.length]!);
    // The same buffer again and again, as the engine does it.
    piece.set(some);
    await sink.write(piece.subarray(0, some.length));
    at += some.length;
  }
  await sink.close();
  const bytes = Buffer.from(inner.bytes());
  expect(sink.compressedSize).toBe(bytes.length);
  return bytes;
}
