import { parseDumpType } from '../dump/dump-type-text.js';
import { signalNumber } from '../linux/signals.js';
import { findCompressor } from '../node/zstd/index.js';
import { findProgram } from '../targets/linux/attached/spawn.js';
import { SNAPSHOT_MODES } from '../targets/linux/snapshot/plan.js';
import {
  dumpLine,
  parseDuration,
  parseTriggers,
  type TriggerTexts,
  type Watch,
  type WatchEvent,
  type WatchOptions,
} from '../watch/index.js';
import { loadCallback } from '../watch/load-callback.js';
import { parseChoice, parseId, parseSeconds, parseSize, wrong } from './arguments.js';
import type { Compression } from './compression.js';
import { sentences } from './failure.js';
import { err } from './output.js';
import { printable, size } from './text.js';

/** What `mdmp run` and `mdmp watch` have in common. */
export interface WatchArguments extends TriggerTexts {
  crash: boolean;
  exitCode?: string;
  signal?: string;
  children?: boolean;
  poll: string;
  count?: string;
  spacing?: string;
  dir: string;
  name?: string;
  maxCount?: string;
  maxBytes?: string;
  overwrite?: boolean;
  onDump?: string;
  type: string;
  callback?: string;
  comment?: string;
  compress?: Compression;
  maxPause?: string;
  maxStack?: string;
  spool?: string;
  snapshot: string;
  socket: boolean;
  json?: boolean;
}

/** All that can be wrong with the arguments is found before anything is started. */
export async function watchOptions(given: WatchArguments): Promise<WatchOptions> {
  const triggers = parseTriggers(given);
  const { exitCode, maxPause, maxStack, maxCount, maxBytes, count } = given;
  const signals = given.signal?.split(',').map(parseSignal);
  const exitCodes = exitCode === undefined ? undefined : parseExitCodes(exitCode);
  if (!given.crash && triggers.length === 0 && signals === undefined && exitCodes === undefined) {
    throw wrong(
      'without crashes there must be something else to watch for',
      'Give a trigger, such as --cpu 90.',
    );
  }
  // Not when there is a dump, and nobody to tell.
  if (given.compress === 'zstd') await findCompressor();
  const pause = maxPause === undefined ? undefined : parseSeconds(maxPause, '--max-pause');
  return {
    ...(given.callback === undefined ? {} : await loadCallback(given.callback)),
    crash: given.crash,
    exitCodes,
    signals,
    children: given.children,
    triggers,
    pollMs: parseId(given.poll, '--poll'),
    type: parseDumpType(given.type),
    comment: given.comment,
    maxPause: pause,
    maxCrashPause: pause,
    maxStack: maxStack === undefined ? undefined : parseSize(maxStack, '--max-stack'),
    spool: given.spool,
    snapshot: parseChoice(given.snapshot, SNAPSHOT_MODES, '--snapshot'),
    dumps: {
      folder: given.dir,
      template: given.name,
      maxCount: maxCount === undefined ? undefined : parseId(maxCount, '--max-count'),
      maxBytes: maxBytes === undefined ? undefined : parseSize(maxBytes, '--max-bytes'),
      limit: count === undefined ? undefined : parseId(count, '--count'),
      spacing: spacingOf(given),
      overwrite: given.overwrite,
      compress: given.compress === 'zstd' ? 'zstd' : undefined,
    },
    // Not when there is a dump, and nobody to tell.
    onDump: given.onDump === undefined ? undefined : [findProgram(given.onDump)],
    socket: given.socket,
    onEvent: (event) => tellEvent(event, given.json === true),
  };
}

/** As ProcDump has it: `--seconds` is also the time between two dumps for a threshold that stays exceeded. */
function spacingOf({
  spacing,
  seconds,
  cpu,
  cpuBelow,
  memory,
  memoryBelow,
  threads,
  descriptors,
}: WatchArguments) {
  if (spacing !== undefined) return parseDuration(spacing, '--spacing', 1000);
  const thresholds = [cpu, cpuBelow, memory, memoryBelow, threads, descriptors].some(
    (one) => one !== undefined,
  );
  return thresholds ? parseDuration(seconds ?? '10', '--seconds', 1000) : undefined;
}

function parseExitCodes(text: string): number[] | 'other' {
  if (text === 'other') return text;
  return text.split(',').map((one) => {
    const code = /^\d{1,3}$/.test(one) ? Number(one) : 256;
    if (code > 255) throw wrong(`--exit-code must be 'other' or numbers from 0 to 255, not '${text}'`);
    return code;
  });
}

/** SIGKILL and SIGSTOP no tracer sees before they act. */
const UNSEEN = new Set([9, 19]);

function parseSignal(text: string): number {
  const signal = signalNumber(text);
  if (signal === undefined) throw wrong(`--signal: there is no signal '${text}'`);
  if (UNSEEN.has(signal)) throw wrong(`--signal: ${text} acts before anybody can look`);
  return signal;
}

/** A line about what happened: JSON of dumps on stdout, where that is wanted; the rest for people on stderr. */
function tellEvent(event: WatchEvent, json: boolean): void {
  if (event.event === 'dump' && json) {
    process.stdout.write(`${dumpLine(event.dump)}\n`);
    return;
  }
  const text = eventText(event);
  if (text !== undefined) process.stderr.write(`${err.dim('mdmp:')} ${printable(text)}\n`);
}

function eventText(event: WatchEvent): string | undefined {
  switch (event.event) {
    case 'watching':
    case 'executed':
    case 'stopped':
    case 'child':
      return undefined;
    case 'dump': {
      const { file, bytes, occasion, pause, warnings } = event.dump;
      const stood = occasion.trigger === 'crash' ? '' : `, after a pause of ${pause.toFixed(1)} ms`;
      const lines = [
        `${occasion.text}: ${file || 'written by the callback'} (${size(bytes)}${stood})`,
        ...warnings,
      ];
      return lines.join('; ');
    }
    case 'left-out':
      return `${event.occasion.text}: no dump, ${event.reason}`;
    case 'failed': {
      const { message, advice } = event.error as { message: string; advice?: string };
      return sentences(`${event.occasion.text}: no dump, ${message}`, advice);
    }
    case 'problem':
      return event.text;
    case 'released':
      return `process ${event.pid} is released: others may trace it`;
    case 'attached':
      return `attached to process ${event.pid} again`;
    case 'ended': {
      const { exit, pid } = event;
      if (exit === undefined) return `process ${pid} is gone`;
      return undefined;
    }
  }
}

/** SIGUSR2 makes a dump, for as long as the watch lasts. */
export function dumpOnSignal(watch: Watch): void {
  process.on('SIGUSR2', () => void watch.dump('SIGUSR2'));
}
