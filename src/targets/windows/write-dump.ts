import { commentStream } from '../../dump/comment.js';
import {
  type Callbacks,
  type DumpReport,
  type MINIDUMP_CALLBACK_ROUTINE,
  routineFromCallbacks,
  type UserStream,
} from '../../dump/index.js';
import { MINIDUMP_CALLBACK_TYPE, MINIDUMP_TYPE } from '../../format/index.js';
import { MinidumpError, NoSink } from '../../io/index.js';
import { lastError } from '../../node/win32.js';
import { handleOf } from '../../node/windows-file.js';
import {
  type Abi,
  encodeCallbackInformation,
  encodeExceptionInformation,
  encodeUserStreams,
  type Handles,
  type NativeBlock,
  nativeRoutine,
  plainHandles,
} from './abi/index.js';
import { miniDumpWriteDump, RegisteredRoutine } from './dbghelp-library.js';
import { readFinishedDump } from './finished-dump.js';
import { koffiAddress, koffiMemory } from './koffi-memory.js';
import { ownCpu } from './machine.js';
import { checkWindowsOptions, compilerOf, MAX_PAUSE, type WindowsDumpOptions } from './options.js';
import { DbgHelpError } from './results.js';
import { ThreadWatch } from './thread-watch.js';
import { tookTooLong, WatchedRoutine } from './watched-routine.js';
import { WindowsProcess } from './windows-process.js';

/** What native code has addresses of: nobody else holds it, and the callback's own code may have it collected. */
const inUse = new Set<readonly (NativeBlock | undefined)[]>();

/** Where DbgHelp writes a dump to. */
export interface WindowsOutput {
  /** A descriptor of a file that can be written anywhere; null where the callback is to write the dump. */
  fd: number | null;
  /** It is open for reading, too: then the report says what the dump holds. */
  readable: boolean;
}

/**
 * Has DbgHelp dump a process, and blocks until it has. The event loop stands still meanwhile: DbgHelp calls the callback in
 * the thread that has called it.
 *
 * @param handle what a callback finds in ProcessHandle
 * @throws MinidumpError; a DbgHelpError where it was MiniDumpWriteDump that failed
 */
export function writeWindowsDump(
  pid: number,
  options: WindowsDumpOptions,
  output: WindowsOutput,
  handle: unknown = pid,
): DumpReport {
  checkWindowsOptions(options);
  if (pid === process.pid) {
    throw new MinidumpError(
      'own-process',
      'a process cannot have DbgHelp dump it while it answers its callback',
    );
  }
  const abi: Abi = { cpu: ownCpu(), compiler: compilerOf(options) };
  const write = miniDumpWriteDump(options.dbghelp);
  const file = output.fd === null ? null : handleOf(output.fd);
  const warnings: string[] = [];

  using target = new WindowsProcess(pid, options.snapshot === 'always');
  let start = performance.now();
  if (options.snapshot === 'always') {
    options.beforeStop?.(false);
    const why = target.takeSnapshot();
    if (why !== undefined)
      warnings.push(`no snapshot could be taken, so the process stood still for the dump: ${why}`);
  }
  const captured = performance.now();
  const snapshot = target.snapshot;
  const watched = new WatchedRoutine(
    userRoutine(options),
    options,
    { process: handle, file: options.fileHandle ?? null },
    { snapshot: snapshot !== undefined, nowhere: file === null },
  );
  const bridge = nativeRoutine(watched.routine, undefined, abi, koffiMemory(), {
    handles,
    processSnapshot: snapshot !== undefined,
    check: () => watched.checkTime(),
    checkLayout: true,
  });
  using registered = new RegisteredRoutine((_param, input, out) => bridge.call(input, out));

  const exception = options.exception && encodeExceptionInformation(options.exception, abi, koffiAddress);
  const given = userStreams(options);
  const streams = given.length === 0 ? undefined : encodeUserStreams(given, abi, koffiAddress);
  const blocks = [exception, streams];
  const callback = encodeCallbackInformation(registered.address, 0n, abi);
  const { maxPause = MAX_PAUSE } = options;
  using threads = snapshot === undefined ? new ThreadWatch(pid, maxPause, options.spool) : undefined;
  if (options.snapshot !== 'always') options.beforeStop?.(false);
  if (snapshot === undefined) start = performance.now();
  watched.start();
  let done: number;
  let result = 0;
  inUse.add(blocks);
  try {
    done = write(
      (snapshot ?? target).handle,
      pid,
      file,
      options.type ?? 0,
      exception?.bytes ?? null,
      streams?.bytes ?? null,
      callback,
    );
    if (!done) result = lastError();
  } finally {
    inUse.delete(blocks);
  }
  const ended = performance.now();
  const late = threads?.end() ?? false;
  options.afterStop?.();
  if (bridge.failure !== undefined) throw bridge.failure;
  if (late) throw tookTooLong(maxPause);
  // Some write nothing where there is no file, and say TRUE.
  if (done && file === null && !watched.callbackWrites) new NoSink().write();
  if (!done) throw target.ended ? gone(pid, result) : new DbgHelpError(pid, result);

  warnings.push(...(threads?.warnings ?? []), ...neverAsked(options, watched.asked));
  const { callbackWrites, excludedThreads, excludedModules } = watched;
  const finished =
    output.fd !== null && output.readable && !callbackWrites
      ? readFinishedDump(output.fd)
      : { size: watched.written, threads: 0, modules: 0, memory: { ranges: 0, bytes: 0 }, streams: [] };
  return {
    pid,
    type: options.type ?? 0,
    size: finished.size,
    writtenByCallback: callbackWrites,
    // DbgHelp does not tell when it lets the process go on: at the latest when it returns.
    pauseMs: (snapshot === undefined ? ended : captured) - start,
    snapshot: snapshot !== undefined,
    threads: { written: finished.threads, excluded: excludedThreads.size },
    modules: { written: finished.modules, excluded: excludedModules.size },
    memory: finished.memory,
    removed: watched.removed,
    unreadable: watched.unreadable,
    withoutMeaning: [],
    shortenedCalls: 0,
    warnings,
    streams: finished.streams,
  };
}

function userRoutine({ callback, callbacks }: WindowsDumpOptions): MINIDUMP_CALLBACK_ROUTINE | undefined {
  if (callbacks !== undefined) return routineFromCallbacks(callbacks);
  return (callback?.CallbackRoutine ?? undefined) as MINIDUMP_CALLBACK_ROUTINE | undefined;
}

/** A callback answers with a handle (WriteKernelMinidump) by its value, or by the descriptor of a file. */
const handles: Handles = {
  fromNative: plainHandles.fromNative,
  toNative: (handle) => (typeof handle === 'number' ? handleOf(handle) : plainHandles.toNative(handle)),
};

function userStreams({ comment, userStreams = [] }: WindowsDumpOptions): UserStream[] {
  return [...(comment === undefined ? [] : [commentStream(comment)]), ...userStreams];
}

/**
 * What a `callbacks` object decides is a promise, and DbgHelps differ in what they ask. What it keeps out of a dump must not be in it, so such a
 * dump fails; what is missing is a warning.
 *
 * @throws MinidumpError `unsupported`
 */
function neverAsked({ callbacks, type = 0 }: WindowsDumpOptions, asked: ReadonlySet<number>): string[] {
  const full = (type & MINIDUMP_TYPE.MiniDumpWithFullMemory) !== 0;
  const { VmStartCallback, IncludeVmRegionCallback, MemoryCallback } = MINIDUMP_CALLBACK_TYPE;
  const unasked = (name: keyof Callbacks, type: number) =>
    callbacks?.[name] !== undefined && !asked.has(type);
  const keeping = (['vmQuery', 'vmPreRead', 'vmPostRead'] as const).find((name) =>
    unasked(name, VmStartCallback),
  );
  const lost =
    keeping ?? (full && unasked('includeVmRegion', IncludeVmRegionCallback) ? 'includeVmRegion' : undefined);
  if (lost !== undefined) {
    throw new MinidumpError(
      'unsupported',
      `this DbgHelp has not asked \`${lost}\`: what it would have kept out is in the dump, which is given up`,
      { advice: 'Name a newer DLL (--dbghelp), or take memory out with removeMemory.' },
    );
  }
  // In a full dump it is never asked.
  if (full || !unasked('memory', MemoryCallback)) return [];
  return ['this DbgHelp has not asked `memory`: what it would have added is not in the dump'];
}

function gone(pid: number, result: number): MinidumpError {
  return new MinidumpError('target-exited', `process ${pid} ended while it was dumped`, {
    cause: new DbgHelpError(pid, result),
  });
}
