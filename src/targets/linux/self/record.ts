import type { PlacedRange } from '../../../dump/target.js';
import { MINIDUMP_TYPE } from '../../../format/index.js';
import { type FileRegion, runSync, type Sink } from '../../../io/index.js';
import { parseMaps } from '../../../linux/maps.js';
import { GUARDED } from '../../../linux/parts.js';
import { isOpaque } from '../../../linux/regions.js';
import type { LinuxProcess } from '../linux-process.js';
import { openProcess } from '../live.js';
import type { HelperOptions, RecordedPart, RecordedProcess } from './protocol.js';

const CHUNK = 1024 * 1024;
const PAGE = 4096;

/**
 * Records a process: stops it, and copies its registers and all of its memory, so that it can be dumped afterwards as if it still
 * stood still. Where a snapshot can be taken it runs on while the memory is copied.
 *
 * @param alive is called now and then
 */
export function record(
  pid: number,
  { type = 0, maxPause, snapshot }: HelperOptions,
  sink: Sink,
  alive: () => void,
): RecordedProcess {
  // As for the dump that needs most memory; registers as for the dump that will be made.
  const xstate = type & MINIDUMP_TYPE.MiniDumpWithAvxXStateContext;
  using target = openProcess(pid, {
    type: MINIDUMP_TYPE.MiniDumpWithFullMemory | xstate,
    maxPause,
    snapshot,
  });
  target.prepare();
  runSync(target.hold(() => true));
  const { threads, slots, calls, maps } = target.recorded();
  const file = sink.reserve!(0);
  const parts = partsOf(target, maps);
  const size = parts.reduce(
    (sum, { kind, start, end }) => sum + (kind === 'data' ? Number(end - start) : 0),
    0,
  );
  const kept = copy(target, parts, file, alive);
  target.checkHeld();
  target.release();
  return {
    threads,
    slots,
    calls,
    maps,
    parts: kept,
    size,
    notes: target.notes,
    shortenedCalls: target.shortenedCalls,
    pause: target.pause,
  };
}

/** What the memory is, and where in the file it will be. */
function partsOf(target: LinuxProcess, maps: Uint8Array): RecordedPart[] {
  const parts: RecordedPart[] = [];
  let position = 0;
  for (const mapping of parseMaps(Buffer.from(maps).toString('utf8'))) {
    if (isOpaque(mapping)) continue;
    for (const part of runSync(target.probe(mapping.start, mapping.end))) {
      parts.push({ ...part, position });
      if (part.kind === 'data') position += Number(part.end - part.start);
    }
  }
  return parts;
}

/** Copies the data; gives the parts with what could not be read as holes. */
function copy(
  target: LinuxProcess,
  parts: readonly RecordedPart[],
  file: FileRegion,
  alive: () => void,
): RecordedPart[] {
  const tick = () => {
    target.checkHeld();
    alive();
  };
  const placed: PlacedRange[] = parts
    .filter(({ kind }) => kind === 'data')
    .map(({ start, end, position }) => ({ start, end, position: file.position + position }));
  const lost = new Set<bigint>();
  const buffer = new Uint8Array(CHUNK);
  for (const { start, end, position } of runSync(target.copyInto(placed, file, tick))) {
    const length = Number(end - start);
    for (let done = 0; done < length; ) {
      const piece = buffer.subarray(0, Math.min(CHUNK, length - done));
      const got = runSync(target.readMemory(start + BigInt(done), piece));
      file.writeAt(position + done, piece.subarray(0, got));
      done += got;
      tick();
      if (got === piece.length) continue;
      lost.add((start + BigInt(done)) & ~BigInt(PAGE - 1));
      done = Math.min(length, (Math.floor(done / PAGE) + 1) * PAGE);
    }
  }
  return lost.size === 0 ? [...parts] : parts.flatMap((part) => without(part, lost));
}

/** A part without some of its pages. */
function without(part: RecordedPart, lost: ReadonlySet<bigint>): RecordedPart[] {
  const { start, end, kind, position } = part;
  const pages = [...lost].filter((page) => page >= start && page < end).sort((a, b) => (a < b ? -1 : 1));
  if (kind !== 'data' || pages.length === 0) return [part];
  const pieces: RecordedPart[] = [];
  const add = (from: bigint, to: bigint, kind: RecordedPart['kind'], why?: string) => {
    if (to > from)
      pieces.push({ start: from, end: to, kind, why, position: position + Number(from - start) });
  };
  let at = start;
  for (const page of pages) {
    add(at, page, 'data');
    add(page, page + BigInt(PAGE), 'hole', GUARDED);
    at = page + BigInt(PAGE);
  }
  add(at, end, 'data');
  return pieces;
}
