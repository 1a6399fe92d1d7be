import { fstatSync } from 'node:fs';
import type { DumpReport } from '../../dump/index.js';
import { StreamType } from '../../format/index.js';
import type { Source } from '../../io/index.js';
import { readAt } from '../../node/read.js';
import { Minidump } from '../../reader/index.js';

/** What a finished dump says of itself; the parts of a report that DbgHelp does not tell. */
export type FinishedDump = Pick<DumpReport, 'size' | 'memory' | 'streams'> & {
  threads: number;
  modules: number;
};

/**
 * Reads in a dump that DbgHelp has written how much is in it.
 *
 * @param fd open for reading; the dump begins where the file does
 * @throws MinidumpError of a dump that cannot be read
 */
export function readFinishedDump(fd: number): FinishedDump {
  const source = new DescriptorSource(fd);
  const dump = Minidump.openSync(source);
  const ranges = dump.memorySync().ranges();
  return {
    size: source.size,
    threads: (dump.getSync('threads') ?? []).length,
    modules: (dump.getSync('modules') ?? []).length,
    memory: {
      ranges: ranges.length,
      bytes: Number(ranges.reduce((sum, { start, end }) => sum + (end - start), 0n)),
    },
    streams: dump.directory
      .filter(({ streamType }) => streamType !== StreamType.UnusedStream)
      .map(({ streamType: type, name, dataSize: size }) => ({
        type,
        name: name ?? `0x${type.toString(16)}`,
        size,
      })),
  };
}

/** A file that somebody else has opened and closes. */
class DescriptorSource implements Source {
  readonly size: number;
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
    this.size = fstatSync(fd).size;
  }

  read(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    return bytes.subarray(0, readAt(this.#fd, offset, bytes));
  }
}
