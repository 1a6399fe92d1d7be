import type { Minidump, StreamEntry } from '../../reader/index.js';
import { findStream, streamName, withDump } from '../dump-file.js';
import { out, print, printJson, write } from '../output.js';
import { address, count, hex, printableLines, size, table } from '../text.js';
import { valueText } from '../value-text.js';

interface ShowOptions {
  json?: boolean;
  raw?: boolean;
}

/** `mdmp show FILE [STREAM]` */
export async function show(file: string, stream: string | undefined, options: ShowOptions): Promise<void> {
  await withDump(file, async (dump) => {
    if (stream === undefined) await listStreams(dump, options);
    else if (/^memory$/i.test(stream)) await listMemory(dump, options);
    else await showStream(dump, findStream(dump, stream), options);
  });
}

async function listStreams(dump: Minidump, options: ShowOptions): Promise<void> {
  if (options.json) {
    await printJson(
      dump.directory.map(({ index, streamType, name, rva, dataSize }) => ({
        index,
        type: streamType,
        name,
        rva,
        size: dataSize,
      })),
    );
    return;
  }
  const columns = [
    { title: '#', right: true },
    { title: 'type', right: true },
    { title: 'offset', right: true },
    { title: 'size', right: true },
    { title: 'name' },
  ];
  const rows = dump.directory.map((entry) => [
    String(entry.index),
    entry.streamType > 0xffff ? hex(entry.streamType) : String(entry.streamType),
    hex(entry.rva),
    size(entry.dataSize),
    entry.name ?? '',
  ]);
  await print(table(columns, rows, out.dim));
}

/** All memory that the dump holds, whichever streams it is in. */
async function listMemory(dump: Minidump, options: ShowOptions): Promise<void> {
  const ranges = dump.memorySync().ranges();
  if (options.json) {
    await printJson(ranges.map(({ start, end, rva }) => ({ start, end, size: Number(end - start), rva })));
    return;
  }
  const columns = [{ title: 'start' }, { title: 'end' }, { title: 'size', right: true }];
  const rows = ranges.map(({ start, end }) => [address(start), address(end), size(end - start)]);
  await print(table(columns, rows, out.dim));
  const total = ranges.reduce((sum, { start, end }) => sum + end - start, 0n);
  await print(out.dim(`${size(total)} in ${count(ranges.length, 'range')}`));
}

async function showStream(dump: Minidump, entry: StreamEntry, options: ShowOptions): Promise<void> {
  if (options.raw) {
    await write(dump.bytesSync(entry));
    return;
  }
  const value: unknown = dump.readSync(entry);
  if (options.json) {
    await printJson({ type: entry.streamType, name: entry.name, size: entry.dataSize, value });
  } else if (typeof value === 'string') {
    await print(printableLines(value));
  } else if (entry.key === 'linuxMaps') {
    // People know the lines of /proc/PID/maps by sight.
    await print(printableLines(Buffer.from(dump.bytesSync(entry)).toString()));
  } else {
    await print(valueText(value) || out.dim(`${streamName(entry)} is empty`));
  }
}
