import { checkOptions, type DumpOptions, type DumpReport, writeDump } from '../../dump/index.js';
import { MINIDUMP_TYPE, minidumpTypes, StreamType, streamTypes } from '../../format/index.js';
import {
  abortSink,
  BlobSource,
  BytesSource,
  MinidumpError,
  runAsync,
  runSync,
  type Sink,
  type Source,
  type Task,
} from '../../io/index.js';
import { Minidump } from '../../reader/index.js';
import { MinidumpTarget } from './minidump-target.js';
import { EnvironmentRedactor, type EnvironmentReport } from './redaction/environment.js';
import { patternsOf } from './redaction/patterns.js';
import { SCRUB_LIMITS, Scrubber, type ScrubReport } from './redaction/scrub.js';
import { STRINGS_LIMITS, StringRedactor, type StringsReport } from './redaction/strings.js';
import { streamTypeOf } from './stream-names.js';

/** What is to be taken out of a dump, beside what a callback takes out. */
export interface FilterOptions<Param = unknown>
  extends Omit<DumpOptions<Param>, 'exception' | 'storedMemory'> {
  /** Streams to leave out, by number or name, with what only they point to. */
  dropStreams?: readonly (number | string)[] | undefined;
  /** Of memory, only the stacks and the surroundings of the instruction pointers. */
  stacksOnly?: boolean | undefined;
  /** Zeroes text in memory, and blanks the values of the environment and the arguments of the command line. */
  redactStrings?: boolean | undefined;
  /**
   * Values to overwrite wherever they stand: texts of four characters or more, as they are, and regular expressions, of which matches
   * up to 4096 bytes are found for certain.
   */
  scrub?: readonly (string | RegExp)[] | undefined;
}

/** What went into the new dump, what was taken out, and what cannot be promised. */
export interface FilterReport extends DumpReport {
  /** Bytes of the dump that was read. */
  sizeBefore: number;
  /** Streams that were left out. */
  dropped: { type: number; name: string; size: number }[];
  /** A report a pattern, in their order. Counts are of the dump that was read: what was left out altogether is among them. */
  scrubbed: ScrubReport[];
  /** With `redactStrings`. */
  strings: (StringsReport & EnvironmentReport) | undefined;
  /** What this kind of filtering cannot promise, a sentence each. */
  limits: string[];
}

/** Flags that speak of memory which `stacksOnly` leaves out. */
const MEMORY_FLAGS =
  MINIDUMP_TYPE.MiniDumpWithDataSegs |
  MINIDUMP_TYPE.MiniDumpWithFullMemory |
  MINIDUMP_TYPE.MiniDumpWithIndirectlyReferencedMemory |
  MINIDUMP_TYPE.MiniDumpWithPrivateReadWriteMemory |
  MINIDUMP_TYPE.MiniDumpWithCodeSegs |
  MINIDUMP_TYPE.MiniDumpWithPrivateWriteCopyMemory |
  MINIDUMP_TYPE.MiniDumpWithModuleHeaders;

/** What takes something out of a dump, or is no matter of what is in it. */
const FILTERS =
  MINIDUMP_TYPE.MiniDumpFilterMemory |
  MINIDUMP_TYPE.MiniDumpScanMemory |
  MINIDUMP_TYPE.MiniDumpFilterModulePaths |
  MINIDUMP_TYPE.MiniDumpWithoutOptionalData |
  MINIDUMP_TYPE.MiniDumpIgnoreInaccessibleMemory |
  MINIDUMP_TYPE.MiniDumpFilterTriage;

/**
 * Dumps a minidump again: the same engine, the same callback. What is left alone comes through byte for byte; with no options the
 * new dump says what the old one said. Memory stays as it is, but for what is taken out.
 *
 * Works wherever there is a `Source` and a `Sink`: in a browser nothing need leave it before it is clean.
 *
 * @throws MinidumpError; docs/errors.md lists the codes
 */
export async function filterMinidump<Param = unknown>(
  input: Source | Blob | Uint8Array | ArrayBuffer,
  destination: Sink,
  options: FilterOptions<Param> = {},
): Promise<FilterReport> {
  return await runAsync(filterTask(toSource(input), destination, options as FilterOptions));
}

/** The same where both ends answer at once. */
export function filterMinidumpSync<Param = unknown>(
  input: Source | Uint8Array | ArrayBuffer,
  destination: Sink,
  options: FilterOptions<Param> = {},
): FilterReport {
  return runSync(filterTask(toSource(input), destination, options as FilterOptions));
}

/** What bytes are read from. */
export function toSource(input: Source | Blob | Uint8Array | ArrayBuffer): Source {
  if (input instanceof Uint8Array || input instanceof ArrayBuffer) return new BytesSource(input);
  return input instanceof Blob ? new BlobSource(input) : input;
}

export function* filterTask(source: Source, sink: Sink, options: FilterOptions = {}): Task<FilterReport> {
  try {
    checkOptions(options);
    const prepared = yield* prepare(source, options);
    const { dropStreams: _, stacksOnly, redactStrings: __, scrub: ___, ...dumpOptions } = options;
    const report = yield* writeDump(
      prepared.target,
      { ...dumpOptions, storedMemory: stacksOnly ? 'select' : 'keep' },
      sink,
    );
    return { ...report, ...prepared.report(report) };
  } catch (error) {
    yield* abortSink(sink);
    throw error;
  }
}

interface Prepared {
  target: MinidumpTarget;
  report(
    written: DumpReport,
  ): Pick<FilterReport, 'sizeBefore' | 'dropped' | 'scrubbed' | 'strings' | 'limits' | 'warnings'>;
}

/** Finds out all that must be known before a dump is written. */
function* prepare(source: Source, options: FilterOptions): Task<Prepared> {
  const types = new Set((options.dropStreams ?? []).map(streamTypeOf));
  const scrub = options.scrub ?? [];
  // A pattern that cannot be used is found before anything is read.
  patternsOf(scrub, true);
  const more = (options.type ?? 0) & ~FILTERS;
  if (more !== 0) {
    const names = minidumpTypes.flagNames(more).join(', ');
    throw new MinidumpError(
      'invalid-argument',
      `${names} cannot be added to a dump that was written without`,
      {
        advice: 'The flags for a filter are those that take something out, such as MiniDumpFilterMemory.',
      },
    );
  }
  const dump = yield* Minidump.openTask(source);
  const target = yield* MinidumpTarget.open(dump, {
    isDropped: ({ streamType }) => types.has(streamType),
    findCopies: options.callback !== undefined || options.callbacks !== undefined,
    withoutFlags: options.stacksOnly ? MEMORY_FLAGS : 0,
  });
  const scrubber = scrub.length > 0 ? yield* Scrubber.search(target, scrub) : undefined;
  const strings = options.redactStrings ? yield* StringRedactor.create(target) : undefined;
  const environment = options.redactStrings ? new EnvironmentRedactor() : undefined;
  for (const one of [scrubber, strings, environment]) if (one !== undefined) target.sanitisers.push(one);

  const dropped = dump.directory
    .filter(({ streamType }) => types.has(streamType))
    .map(({ streamType, dataSize }) => ({ type: streamType, name: nameOf(streamType), size: dataSize }));
  const absent = [...types].filter((type) => !dropped.some((one) => one.type === type));
  return {
    target,
    report: (written) => {
      const unknown = target.unknownCopies.map(
        (name) =>
          `the address of ${name} in the process is not known, so it is not blanked where a callback removes memory; use dropStreams or scrub (--drop-stream ${name}, --scrub)`,
      );
      return {
        sizeBefore: source.size,
        dropped,
        scrubbed: scrubber?.reports ?? [],
        strings: strings && environment && { ...strings.report, ...environment.report },
        limits: [
          ...(scrubber ? SCRUB_LIMITS : []),
          ...(strings ? STRINGS_LIMITS : []),
          ...(COPIED.some((type) => types.has(type)) ? DROP_LIMITS : []),
        ],
        warnings: [
          ...written.warnings,
          ...unknown,
          ...absent.map((type) => `the dump has no ${nameOf(type)}, so none was left out`),
        ],
      };
    },
  };
}

/** Streams that are copies of memory. */
const COPIED: readonly number[] = [StreamType.LinuxCmdLine, StreamType.LinuxEnviron, StreamType.LinuxAuxv];
const DROP_LIMITS = [
  'A stream that was dropped is gone; memory that holds the same is not: the type without-optional-data takes out command line and environment there, too.',
];

const nameOf = (type: number): string => streamTypes.nameOf(type) ?? `0x${type.toString(16)}`;
