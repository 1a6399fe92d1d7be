import { type ConvertReport, convertCore } from '../../convert/convert-core.js';
import { loadCallback } from '../../watch/load-callback.js';
import { parseSize } from '../arguments.js';
import { type Compression, compressionFor } from '../compression.js';
import { commandOutput, keepStdoutClean } from '../destination.js';
import { parseDumpType } from '../dump-type.js';
import { print, printJson } from '../output.js';
import { ProgressLine } from '../progress.js';
import { placeOf, summary } from '../summary.js';

export interface ConvertArguments {
  /** commander: true unless `--sysroot` or `--no-sysroot` was given. */
  sysroot: string | boolean;
  type: string;
  callback?: string;
  comment?: string;
  force?: boolean;
  compress?: Compression;
  spool?: string;
  maxStack?: string;
  json?: boolean;
}

/** `mdmp convert CORE OUT`. */
export async function convert(core: string, out: string, given: ConvertArguments): Promise<void> {
  const output = commandOutput(out);
  if (output.ownsStdout) keepStdoutClean();
  const type = parseDumpType(given.type);
  const maxStack = given.maxStack === undefined ? undefined : parseSize(given.maxStack, '--max-stack');
  const callback = given.callback === undefined ? {} : await loadCallback(given.callback);
  const progress = new ProgressLine();
  let report: ConvertReport;
  try {
    report = await convertCore(core, output.destination, {
      ...callback,
      type,
      maxStack,
      sysroot: given.sysroot === true ? undefined : given.sysroot,
      spool: given.spool,
      comment: given.comment,
      force: given.force ?? false,
      compress: compressionFor(output, given.compress),
      onProgress: ({ written, total }) => progress.update(written, total),
    });
  } finally {
    progress.clear();
  }
  if (given.json) await printJson(report);
  else await print(summary(report, placeOf(report, output), given.callback !== undefined));
}
