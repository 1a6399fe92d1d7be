import { MinidumpError } from '../io/index.js';
import { openSource } from '../node/open-source.js';
import { Minidump, type StreamEntry, type StreamKey, type Streams, streamKeys } from '../reader/index.js';
import { err } from './output.js';
import { hex, printable } from './text.js';

/** How large a dump is, in bytes. */
export interface DumpSize {
  readonly size: number;
  /** Of its file, where that is compressed. */
  readonly compressedSize: number | undefined;
}

/** Opens a dump, compressed or not, for as long as `use` takes. Errors name the file. */
export async function withDump<T>(
  file: string,
  use: (dump: Minidump, size: DumpSize) => Promise<T>,
): Promise<T> {
  using source = await named(file, () => openSource(file));
  const dump = await named(file, async () => Minidump.openSync(source));
  for (const note of source.notes) process.stderr.write(`${err.yellow('warning:')} ${printable(note)}\n`);
  return await use(dump, source);
}

async function named<T>(file: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof MinidumpError) || error.code === 'input-unreadable') throw error;
    const { advice, expected, found } = error;
    const found_ = found === undefined ? {} : { advice: `Expected ${expected}, found ${found}` };
    const details = advice === undefined ? found_ : { advice };
    throw new MinidumpError(error.code, `${file}: ${error.message}`, { ...details, cause: error });
  }
}

/** A stream that the command cannot do without. */
export function required<K extends StreamKey>(dump: Minidump, key: K): Streams[K] {
  const stream = dump.getSync(key);
  if (stream === undefined) throw missing(key);
  return stream;
}

/** A stream that would be good to have: undefined if it is absent, and its error among the problems if it is broken. */
export function optional<K extends StreamKey>(
  dump: Minidump,
  key: K,
  problems: MinidumpError[],
): Streams[K] | undefined {
  try {
    return dump.getSync(key);
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw error;
    problems.push(error);
    return undefined;
  }
}

/** `ThreadListStream`, or `0x1234` for a type without a name. */
export function streamName({ name, streamType }: StreamEntry): string {
  return name ?? hex(streamType);
}

/**
 * The stream that a user means: a number, `#3` for a place in the directory, or a name, as the header or as this library has
 * it, with or without `Stream`, in any case.
 */
export function findStream(dump: Minidump, wanted: string): StreamEntry {
  let found: StreamEntry | undefined;
  if (/^#\d+$/.test(wanted)) {
    found = dump.directory[Number(wanted.slice(1))];
  } else if (/^(?:0x[0-9a-f]+|\d+)$/i.test(wanted)) {
    found = dump.entry(Number(wanted));
  } else {
    const name = plainName(wanted);
    const key = streamKeys.find((one) => plainName(one) === name);
    found =
      (key && dump.entry(key)) ??
      dump.directory.find((entry) => entry.name && plainName(entry.name) === name);
  }
  if (found === undefined) throw missing(wanted);
  return found;
}

function plainName(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')
    .replace('stream', '');
}

function missing(stream: string): MinidumpError {
  return new MinidumpError('stream-missing', `the dump has no stream ${stream}`, {
    advice: '`mdmp show FILE` lists those that it has',
  });
}
