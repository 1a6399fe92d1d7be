import type { StoredDump } from './occasion.js';

/**
 * One dump as one line of JSON, without its end of line; docs/dump-folder.md lists the fields, which do not change. Addresses are
 * `0x…` texts. All of it is ASCII: names of processes and files can hold anything, and the line may end up in a terminal or a log.
 */
export function dumpLine({
  file,
  bytes,
  occasion,
  pause,
  attempts,
  leftOut,
  removed,
  warnings,
  report,
}: StoredDump): string {
  const { pid, name, trigger, text, time, crash } = occasion;
  const line = JSON.stringify({
    event: 'dump',
    time: time.toISOString(),
    file,
    bytes,
    size: report.size,
    pid,
    name,
    trigger,
    text,
    crash:
      crash === undefined
        ? undefined
        : {
            signal: crash.signal,
            signalName: crash.signalName,
            code: crash.code,
            address: `0x${BigInt.asUintN(64, crash.address).toString(16)}`,
            thread: crash.thread,
          },
    pauseMs: pause,
    attempts,
    leftOut,
    removed,
    warnings,
  });
  return line.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
