/**
 * Copies memory of a process into a file, a chunk at a time, together with other threads that do the same: while one reads the other writes.
 * Pages of zeros are not written: the file has a hole there. What cannot be read is put on a list for the driving thread.
 */
import { closeSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { readSome } from '../../../node/read.js';
import {
  CHUNK,
  type CopyJob,
  FAILURE_WORDS,
  FAILURES_OFFSET,
  LONGS_OFFSET,
  Long,
  MAX_FAILURES,
  MAX_PARTS,
  RUN_WORDS,
  RunWord,
  Word,
} from './copy-protocol.js';

const PAGE = 4096;
const EIO = constants.errno.EIO;

const control = workerData as SharedArrayBuffer;
const words = new Int32Array(control, 0, Word.Count);
const longs = new BigInt64Array(control, LONGS_OFFSET, Long.Count);
const failures = new BigInt64Array(control, FAILURES_OFFSET, MAX_FAILURES * FAILURE_WORDS);
Atomics.add(words, Word.Started, 1);
const buffer = Buffer.alloc(CHUNK);
const zeros = Buffer.alloc(PAGE);
/** Addresses and lengths of the parts of the piece. */
const parts = new BigInt64Array(2 * MAX_PARTS);

let runs: BigInt64Array;
let runCount = 0;
let memory = -1;
let fd = -1;

/** A piece that was taken: a place in the file, and the `count` ranges of memory in `parts` that fill it. */
const piece = { position: 0, length: 0, count: 0 };

/** Takes the next piece; false if there is none. */
function take(): boolean {
  while (Atomics.compareExchange(words, Word.Lock, 0, 1) !== 0) Atomics.wait(words, Word.Lock, 1, 1);
  let run = words[Word.Run]!;
  let offset = longs[Long.Offset]!;
  piece.length = 0;
  piece.count = 0;
  let next = 0n;
  while (run < runCount && piece.length < CHUNK && piece.count < MAX_PARTS) {
    const at = run * RUN_WORDS;
    const position = runs[at + RunWord.Position]! + offset;
    if (piece.length === 0) piece.position = Number(position);
    else if (position !== next) break;
    const left = runs[at + RunWord.Length]! - offset;
    // Chunks end at multiples of their size in the file, so that pages are not cut.
    const room = BigInt(CHUNK - (piece.position % PAGE) - piece.length);
    const length = left < room ? left : room;
    parts[piece.count * 2] = runs[at + RunWord.Address]! + offset;
    parts[piece.count * 2 + 1] = length;
    piece.count++;
    piece.length += Number(length);
    next = position + length;
    offset += length;
    if (length < left) break;
    run++;
    offset = 0n;
  }
  words[Word.Run] = run;
  longs[Long.Offset] = offset;
  Atomics.store(words, Word.Lock, 0);
  Atomics.notify(words, Word.Lock, 1);
  return piece.length > 0;
}

/** Reads the piece; gives false if the process is gone. What cannot be read is zero, and a failure. */
function read(): boolean {
  let at = 0;
  for (let i = 0; i < piece.count; i++) {
    const address = parts[i * 2]!;
    const length = Number(parts[i * 2 + 1]);
    for (let done = 0; done < length; ) {
      const got = readPart(address + BigInt(done), at + done, length - done);
      if (got === 0) return false;
      done += got > 0 ? got : skipPage(address + BigInt(done), at + done, length - done);
    }
    at += length;
  }
  return true;
}

/** How many bytes were read; 0 of a process that has ended, -1 where the first page cannot be read. */
function readPart(address: bigint, at: number, length: number): number {
  try {
    return readSome(memory, buffer, at, length, address);
  } catch {
    return -1;
  }
}

function skipPage(address: bigint, at: number, length: number): number {
  const size = Math.min(PAGE - Number(address & BigInt(PAGE - 1)), length);
  buffer.fill(0, at, at + size);
  fail(address, piece.position + at, size);
  return size;
}

function fail(address: bigint, position: number, size: number): void {
  const index = Atomics.add(words, Word.Failures, 1);
  if (index >= MAX_FAILURES) {
    Atomics.store(words, Word.Stop, 1);
    return;
  }
  failures.set([address, BigInt(position), BigInt(size)], index * FAILURE_WORDS);
}

/** Writes the piece, without its pages of zeros. */
function write(): void {
  const { position, length } = piece;
  let from = 0;
  for (let at = 0; at < length; ) {
    const size = Math.min(PAGE - ((position + at) % PAGE), length - at);
    if (buffer[at] === 0 && buffer.compare(zeros, 0, size, at, at + size) === 0) {
      writeAll(from, at, position);
      from = at + size;
    }
    at += size;
  }
  writeAll(from, length, position);
}

function writeAll(from: number, to: number, position: number): void {
  while (from < to && Atomics.load(words, Word.Stop) === 0) {
    from += writeSync(fd, buffer, from, to - from, position + from);
  }
}

/** Waits until there is something to do; false if there is nothing. */
function start(): boolean {
  Atomics.wait(words, Word.Gate, 0);
  const job = (receiveMessageOnPort(parentPort!) as { message: CopyJob } | undefined)?.message;
  if (job === undefined) return false;
  ({ memory, fd } = job);
  runs = new BigInt64Array(job.runs);
  runCount = runs.length / RUN_WORDS;
  return true;
}

try {
  if (!start()) Atomics.store(words, Word.Stop, 1);
  while (Atomics.load(words, Word.Stop) === 0 && take()) {
    if (!read()) {
      Atomics.store(words, Word.Gone, 1);
      Atomics.store(words, Word.Stop, 1);
      break;
    }
    write();
    Atomics.add(longs, Long.Done, BigInt(piece.length));
  }
} catch (error) {
  const { errno: code } = error as NodeJS.ErrnoException;
  Atomics.compareExchange(words, Word.WriteErrno, 0, Math.abs(code ?? EIO));
  Atomics.store(words, Word.Stop, 1);
}
for (const one of [memory, fd]) if (one >= 0) closeSync(one);
Atomics.add(words, Word.Ended, 1);
Atomics.notify(words, Word.Ended);
parentPort!.close();
