import { fstatSync } from 'node:fs';
import type { DumpReport } from '../dump/index.js';
import { NoSink } from '../io/index.js';
import { DescriptorSink } from '../node/descriptor-sink.js';
import { dumpProcess, openProcess } from '../targets/linux/live.js';
import { dumpSelf } from '../targets/linux/self/self-dump.js';
import { writeWindowsDump } from '../targets/windows/write-dump.js';
import { type LiveOptions, linuxOptions, windowsOptions } from './options.js';
import { dumpOnWindows } from './windows.js';

/**
 * Dumps a live process into a file descriptor, and blocks until all is written.
 *
 * @param fd stays open; null where the callback writes the dump
 * @param handle what a callback finds in ProcessHandle
 */
export function dumpNow(pid: number, fd: number | null, options: LiveOptions, handle: unknown): DumpReport {
  const sink = fd === null ? new NoSink() : new DescriptorSink(fd);
  if (process.platform === 'win32') {
    const given = windowsOptions(options);
    // As MiniDumpWriteDump has it: DbgHelp writes the file of its caller, from its beginning.
    if (pid !== process.pid && fd !== null && fstatSync(fd).isFile()) {
      return writeWindowsDump(pid, given, { fd, readable: false }, handle);
    }
    return dumpOnWindows(pid, given, sink, handle);
  }
  const given = linuxOptions(options);
  if (pid === process.pid) return dumpSelf(given, sink, handle);
  return dumpProcess(openProcess(pid, given, handle), given, sink);
}
