import { dumpTypeName } from '../dump/dump-type-text.js';
import type { DumpReport } from '../dump/index.js';
import type { OutputReport } from '../node/output.js';
import { out } from './output.js';
import { count, fields, hex, printable, size } from './text.js';

/** Where a dump is, for people. */
export function placeOf(report: DumpReport & OutputReport, output: { name: string }): string {
  return report.writtenByCallback ? 'written by the callback' : (report.file ?? output.name);
}

/**
 * What went into a dump and what did not, for people.
 *
 * @param name where the dump is
 * @param more lines of the command's own
 */
export function summary(
  report: DumpReport & OutputReport,
  name: string,
  hasCallback: boolean,
  more: readonly [string, string][] = [],
): string {
  const entries: [string, string][] = [
    ['dump', printable(name)],
    ['size', size(report.size) + compressed(report)],
    ['type', dumpTypeName(report.type)],
    ['threads', counts(report.threads, hasCallback)],
    ['modules', counts(report.modules, hasCallback)],
    ['memory', `${size(report.memory.bytes)} in ${count(report.memory.ranges, 'range')}`],
  ];
  if (report.removed.length > 0) entries.push(['removed', ranges(report.removed)]);
  if (report.unreadable.length > 0) entries.push(['unreadable', ranges(report.unreadable)]);
  // Nothing stood still for a dump of what does not run.
  if (report.pauseMs > 0) {
    const how = report.snapshot ? ', its memory taken from a snapshot' : '';
    entries.push(['pause', `${report.pauseMs.toFixed(1)} ms${how}`]);
  }
  if (report.shortenedCalls > 0) {
    entries.push([
      'shortened',
      `${count(report.shortenedCalls, 'call')} of the process came back with less than it asked for`,
    ]);
  }
  const lines = [fields([...entries, ...more], out.dim)];
  for (const warning of report.warnings) lines.push(`${out.yellow('warning:')} ${printable(warning)}`);
  if (report.removed.length > 0) {
    lines.push(
      'Memory was removed at these addresses only: other copies of the same value are not searched for.',
    );
  }
  return lines.join('\n');
}

function compressed({ compressedSize }: OutputReport): string {
  return compressedSize === undefined ? '' : `, ${size(compressedSize)} compressed`;
}

function counts({ written, excluded }: { written: number; excluded: number }, hasCallback: boolean): string {
  return hasCallback || excluded > 0 ? `${written}, and ${excluded} kept out by the callback` : `${written}`;
}

/** As many as fit on a screen; --json has them all. */
const SHOWN_RANGES = 10;

function ranges(list: readonly { address: bigint; size: bigint }[]): string {
  const total = list.reduce((sum, range) => sum + range.size, 0n);
  const lines = list
    .slice(0, SHOWN_RANGES)
    .map((range) => `${hex(range.address)} … ${hex(range.address + range.size)}  ${size(range.size)}`);
  if (list.length > SHOWN_RANGES) lines.push(`and ${list.length - SHOWN_RANGES} more; --json lists them`);
  return [`${size(total)} in ${count(list.length, 'range')}`, ...lines].join('\n');
}
