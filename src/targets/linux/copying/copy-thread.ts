/**
 * Copies memory of a process into a file, a chunk at a time, together with other threads that do the same: while one reads the other writes.
 * Pages of zeros are not written: the file has a hole there. What cannot be read is put on a list for the driving thread.
 */
import { closeSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { errno } from '../../../node/libc.js';
import { bindProcessVm, type ProcessVm } from '../process-vm.js';
import {
  CHUNK,
  type CopyJob,
  FAILURE_WORDS,
  FAILURES_OFFSET,
  LONGS_OFFSET,
  Long,
  MAX_FAILURES,
  MAX_VECTORS,
  RUN_WORDS,
  RunWord,
  Word,
} from './copy-protocol.js';

const PAGE = 4096;
const ESRCH = constants.errno.ESRCH;
const EIO = constants.errno.EIO;

const control = workerData as SharedArrayBuffer;
const words = new Int32Array(control, 0, Word.Count);
const longs = new BigInt64Array(control, LONGS_OFFSET, Long.Count);
const failures = new BigInt64Array(control, FAILURES_OFFSET, MAX_FAILURES * FAILURE_WORDS);
Atomics.add(words, Word.Started, 1);
const buffer = Buffer.alloc(CHUNK);
const zeros = Buffer.alloc(PAGE);
const remote = new BigUint64Array(2 * MAX_VECTORS);

let readv: ProcessVm;
let runs: BigInt64Array;
let runCount = 0;
let pid = 0;
let fd = -1;

/** A piece that was taken: a place in the file, and `vectors` ranges of memory in `remote` that fill it. */
const piece = { position: 0, length: 0, vectors: 0 };

/** Takes the next piece; false if there is none. */
function take(): boolean {
  while (Atomics.compareExchange(words, Word.Lock, 0, 1) !== 0) Atomics.wait(words, Word.Lock, 1, 1);
  let run = words[Word.Run]!;
  let offset = longs[Long.Offset]!;
  piece.length = 0;
  piece.vectors = 0;
  let next = 0n;
  while (run < runCount && piece.length < CHUNK && piece.vectors < MAX_VECTORS) {
    const at = run * RUN_WORDS;
    const position = runs[at + RunWord.Position]! + offset;
    if (piece.length === 0) piece.position = Number(position);
    else if (position !== next) break;
    const left = runs[at + RunWord.Length]! - offset;
    // Chunks end at multiples of their size in the file, so that pages are not cut.
    const room = BigInt(CHUNK - (piece.position % PAGE) - piece.length);
    const length = left < room ? left : room;
    remote[piece.vectors * 2] = BigInt.asUintN(64, runs[at + RunWord.Address]! + offset);
    remote[piece.vectors * 2 + 1] = length;
    piece.vectors++;
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
  const { length, vectors } = piece;
  const got = Number(readv(pid, [{ base: buffer, len: length }], 1, remote, vectors, 0));
  if (got === length) return true;
  if (got < 0 && errno() === ESRCH) return false;
  // Rare: page by page. Of what a failed read may have done nothing is believed.
  let at = 0;
  for (let i = 0; i < vectors; i++) {
    const end = remote[i * 2]! + remote[i * 2 + 1]!;
    for (let address = remote[i * 2]!; address < end; ) {
      const border = (address & ~BigInt(PAGE - 1)) + BigInt(PAGE);
      const size = Number((border < end ? border : end) - address);
      const one = new BigUint64Array([address, BigInt(size)]);
      const into = buffer.subarray(at, at + size);
      if (Number(readv(pid, [{ base: into, len: size }], 1, one, 1, 0)) !== size) {
        into.fill(0);
        fail(address, piece.position + at, size);
      }
      at += size;
      address += BigInt(size);
    }
  }
  return true;
}

function fail(address: bigint, position: number, size: number): void {
  const index = Atomics.add(words, Word.Failures, 1);
  if (index >= MAX_FAILURES) {
    Atomics.store(words, Word.Stop, 1);
    return;
  }
  failures.set([BigInt.asIntN(64, address), BigInt(position), BigInt(size)], index * FAILURE_WORDS);
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
  // Not before it is needed: a thread whose process ends while koffi is being loaded takes it down with SIGABRT.
  readv = bindProcessVm('process_vm_readv');
  ({ pid, fd } = job);
  runs = new BigInt64Array(job.runs);
  runCount = runs.length / RUN_WORDS;
  return true;
}

try {
  if (!start()) Atomics.store(words, Word.Stop, 1);
  while (Atomics.load(words, Word.Stop) === 0 && take()) {
    if (!read()) {
      Atomics.store(words, Word.Gone, ESRCH);
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
if (fd >= 0) closeSync(fd);
Atomics.add(words, Word.Ended, 1);
Atomics.notify(words, Word.Ended);
parentPort!.close();
