import { writeSync } from 'node:fs';
import { deserialize, serialize } from 'node:v8';
import { plainError } from '../../../io/plain-error.js';
import { writeAt } from '../../../node/file-region.js';
import { failureOf } from '../../../node/helper-failure.js';
import { libc } from '../../../node/libc.js';
import { readSome, readWhole } from '../../../node/read.js';
import { dumpProcess, openProcess } from '../live.js';
import { targetExited } from '../memory.js';
import { startTracerThread } from '../tracer-start.js';
import { OutputFailed, PlacedSink } from './placed-sink.js';
import {
  Beat,
  type HelperAnswer,
  type HelperDescriptors,
  type HelperError,
  type HelperRequest,
} from './protocol.js';
import { record } from './record.js';

/*
 * The helper: a program that dumps the process that has started it, and ends. It has no other output than its files; what Node says
 * when it breaks down goes to stderr, which is a file as well.
 */

/** Milliseconds between two signs of life. */
const BEAT = 200;

function main(): void {
  const [request, answer, beats, output] = process.argv.slice(2).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const descriptors: HelperDescriptors = { request, answer, beats, output };
  // It takes some 30 ms to start.
  startTracerThread();
  awaitLeave();
  const result = serialize(perform(deserialize(readWhole(request)) as HelperRequest, descriptors));
  writeAt(answer, 0, result);
  beat(beats, Beat.Done);
  // At once: all is written, and whoever waits for this process stands still meanwhile.
  libc('void _exit(int status)')(0);
}

/** Waits until this process may trace its parent. */
function awaitLeave(): void {
  if (readSome(0, new Uint8Array(1), 0, 1, null) === 0) process.exit(0); // The parent has ended.
}

function perform(
  { pid, kind, position, options }: HelperRequest,
  { beats, output }: HelperDescriptors,
): HelperAnswer {
  let last = performance.now();
  const alive = () => {
    if (performance.now() - last < BEAT) return;
    last = performance.now();
    beat(beats, Beat.Alive);
  };
  try {
    // The id may be another's by now.
    if (process.ppid !== pid) throw targetExited(pid);
    const sink = new PlacedSink(output, position);
    if (kind === 'record') return { kind: 'recording', recording: record(pid, options, sink, alive) };
    const target = openProcess(pid, options);
    return { kind: 'report', report: dumpProcess(target, { ...options, onProgress: alive }, sink) };
  } catch (error) {
    return { kind: 'error', error: onItsWay(error) };
  }
}

function onItsWay(error: unknown): HelperError {
  const outputCode = error instanceof OutputFailed ? error.systemCode : undefined;
  return { ...plainError(failureOf(error)), outputCode };
}

function beat(fd: number, what: number): void {
  try {
    writeSync(fd, Uint8Array.of(what));
  } catch {
    process.exit(0); // Nobody waits any more.
  }
}

main();
