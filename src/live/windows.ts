import { CallbackSink } from '../dump/callback-sink.js';
import { checkAborted, deliver } from '../dump/finished.js';
import { type Callbacks, type DumpReport, hasCallback } from '../dump/index.js';
import { CallbackProtocol } from '../dump/protocol.js';
import { MINIDUMP_TYPE } from '../format/index.js';
import { abortSink, MinidumpError, NoSink, runAsync, runSync, type Sink, type Task } from '../io/index.js';
import { FileSink } from '../node/file-sink.js';
import { Spool } from '../node/spool.js';
import { type FilterOptions, filterTask } from '../targets/minidump/index.js';
import type { WindowsDumpOptions } from '../targets/windows/options.js';
import { runHelper } from '../targets/windows/self/helper.js';
import { writeWindowsDump } from '../targets/windows/write-dump.js';

/**
 * Dumps a process on Windows, and blocks until all is written.
 *
 * DbgHelp writes a dump here and there in its file. So a file is written by DbgHelp itself; whatever else a dump goes to gets it from a
 * private temporary file, when the process runs again.
 *
 * @param handle what a callback finds in ProcessHandle
 */
export function dumpOnWindows(
  pid: number,
  options: WindowsDumpOptions,
  sink: Sink,
  handle: unknown = pid,
): DumpReport {
  return runSync(dump(pid, options, sink, handle));
}

/** The same, but the event loop is free once DbgHelp is done. */
export async function dumpOnWindowsAsync(
  pid: number,
  options: WindowsDumpOptions,
  sink: Sink,
  handle: unknown = pid,
): Promise<DumpReport> {
  return await runAsync(dump(pid, options, sink, handle));
}

function* dump(pid: number, options: WindowsDumpOptions, sink: Sink, handle: unknown): Task<DumpReport> {
  let taken: Taken;
  try {
    taken = take(pid, options, sink, handle);
  } catch (error) {
    yield* abortSink(sink);
    throw error;
  }
  return yield* finish(taken, options, sink);
}

/** A dump that DbgHelp has written. */
interface Taken {
  readonly report: DumpReport;
  /** Where it lies; undefined where it is in the file of the sink already, or the callback has it. */
  readonly spool: Spool | undefined;
  readonly afterwards: Afterwards;
}

/** What is decided on the dump that DbgHelp has written, by mdmp's own engine. */
interface Afterwards {
  /** Undefined where the dump stays as it is. */
  readonly filter: Pick<FilterOptions, 'callback' | 'callbacks'> | undefined;
  /** Asks the callback that the dump is handed to in order (`ioWriteAll`). */
  readonly writer: CallbackProtocol | undefined;
}

function take(pid: number, options: WindowsDumpOptions, sink: Sink, handle: unknown): Taken {
  checkAborted(options);
  const self = pid === process.pid;
  const { native, afterwards } = self ? planSelf(options) : plan(options, pid, handle);
  const { filter, writer } = afterwards;
  const byCallback = native.callback !== undefined && sink instanceof NoSink;
  if (sink instanceof NoSink && !byCallback && writer === undefined && filter === undefined) sink.write();
  const direct = sink instanceof FileSink && filter === undefined && writer === undefined ? sink : undefined;
  const spool = direct !== undefined || byCallback ? undefined : new Spool(options.spool);
  try {
    const fd = (direct ?? spool)?.reserve(0).fd ?? null;
    let report: DumpReport;
    if (self) {
      options.beforeStop?.(false);
      report = runHelper(native, fd!);
      options.afterStop?.();
    } else report = writeWindowsDump(pid, native, { fd, readable: true }, handle);
    if (report.writtenByCallback) {
      spool?.[Symbol.dispose]();
      return { report, spool: undefined, afterwards };
    }
    (direct ?? spool)?.reserve(report.size);
    spool?.close();
    return { report, spool, afterwards };
  } catch (error) {
    spool?.[Symbol.dispose]();
    throw error;
  }
}

const IO = ['ioStart', 'ioWriteAll', 'ioFinish'] as const;

interface Plan {
  /** What DbgHelp is told, and its callback asked. */
  readonly native: WindowsDumpOptions;
  readonly afterwards: Afterwards;
}

/**
 * What of a `callbacks` object DbgHelp's protocol cannot promise is done on the dump that it has written: `removeMemory` counts in full
 * dumps, too, and in stacks; `ioWriteAll` gets the dump in order. A routine in the Win32 shape gets what DbgHelp does.
 */
function plan(options: WindowsDumpOptions, pid: number, handle: unknown): Plan {
  const { callbacks } = options;
  if (callbacks === undefined)
    return { native: options, afterwards: { filter: undefined, writer: undefined } };
  const native = { ...options, callbacks: withoutThese(callbacks, [...IO, 'removeMemory']) };
  if (callbacks.removeMemory !== undefined) {
    const removing = these(callbacks, [...IO, 'removeMemory']);
    return { native, afterwards: { filter: { callbacks: removing }, writer: undefined } };
  }
  const protocol = new CallbackProtocol({ callbacks: these(callbacks, IO) }, pid, handle);
  const writes = callbacks.ioWriteAll !== undefined && protocol.ioStart();
  return { native, afterwards: { filter: undefined, writer: writes ? protocol : undefined } };
}

/**
 * This process stands still while a helper dumps it, and answers no callback meanwhile: it is asked afterwards, about the dump that the
 * helper has written.
 */
function planSelf(options: WindowsDumpOptions): Plan {
  const { callback, callbacks, type = 0, ...rest } = options;
  const native = { ...rest, type };
  if (!hasCallback(options)) return { native, afterwards: { filter: undefined, writer: undefined } };
  if (callbacks?.memory !== undefined && (type & MINIDUMP_TYPE.MiniDumpWithFullMemory) === 0) {
    throw new MinidumpError(
      'unsupported',
      '`memory` cannot be asked in a dump of this process itself on Windows: it is asked when the dump has been taken',
      { advice: 'Take a full-memory dump and leave memory out, or dump it from another process.' },
    );
  }
  return { native, afterwards: { filter: { callback, callbacks }, writer: undefined } };
}

/** Some functions of a `callbacks` object, as methods of the object that they were given in. */
function these(callbacks: Callbacks, names: readonly (keyof Callbacks)[]): Callbacks {
  return Object.fromEntries(
    names
      .filter((name) => callbacks[name] !== undefined)
      .map((name) => [name, (callbacks[name] as (...args: unknown[]) => unknown).bind(callbacks)]),
  );
}

/** The other functions of a `callbacks` object, which may be an instance of a class. */
function withoutThese(callbacks: Callbacks, names: readonly (keyof Callbacks)[]): Callbacks {
  return new Proxy(callbacks, {
    get: (target, name) => {
      if (names.includes(name as keyof Callbacks)) return undefined;
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function* finish(taken: Taken, options: WindowsDumpOptions, sink: Sink): Task<DumpReport> {
  const { report, spool, afterwards } = taken;
  if (report.writtenByCallback) {
    yield* abortSink(sink);
    return report;
  }
  if (afterwards.filter !== undefined) return yield* filtered(taken, afterwards.filter, options, sink);
  if (afterwards.writer !== undefined) {
    yield* abortSink(sink);
    const written = yield* deliver(report, spool, options, new CallbackSink(afterwards.writer));
    return { ...written, writtenByCallback: true };
  }
  return yield* deliver(report, spool, options, sink);
}

function* filtered(
  { report, spool }: Taken,
  filter: Pick<FilterOptions, 'callback' | 'callbacks'>,
  { onProgress, signal, fileHandle }: WindowsDumpOptions,
  sink: Sink,
): Task<DumpReport> {
  try {
    const made = yield* filterTask(spool!, sink, { ...filter, onProgress, signal, fileHandle });
    const { size, writtenByCallback, threads, modules, memory, removed, unreadable, streams } = made;
    return {
      ...report,
      size,
      writtenByCallback,
      threads: { written: threads.written, excluded: threads.excluded + report.threads.excluded },
      modules: { written: modules.written, excluded: modules.excluded + report.modules.excluded },
      memory,
      removed,
      unreadable: [...report.unreadable, ...unreadable],
      streams,
      warnings: [...report.warnings, ...made.warnings],
    };
  } finally {
    spool?.[Symbol.dispose]();
  }
}
