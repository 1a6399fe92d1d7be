import { spawnSync } from 'node:child_process';
import { deserialize, serialize } from 'node:v8';
import type { DumpReport } from '../../../dump/index.js';
import type { MinidumpError } from '../../../io/index.js';
import { errorFromPlain } from '../../../io/plain-error.js';
import { helperEnvironment } from '../../../node/helper-environment.js';
import { helperFailed } from '../../../node/helper-failure.js';
import { readWhole } from '../../../node/read.js';
import { checkNotSingleFile } from '../../../node/single-file.js';
import { Spool } from '../../../node/spool.js';
import { HELPER_VARIABLES, helperProgram } from '../helper-program.js';
import { checkWindowsOptions, MAX_PAUSE, type WindowsDumpOptions } from '../options.js';
import { DbgHelpError } from '../results.js';
import { type HelperAnswer, type HelperRequest, helperOptions } from './protocol.js';

/** How long the helper may take with a snapshot, and how much longer than maxPause without; milliseconds. */
const LIMIT = 15 * 60_000;
const MARGIN = 60_000;

/**
 * Has a helper process, a Node of its own, dump this process into a file, and blocks until it has ended. The calling thread is in the dump
 * as it waits for that.
 *
 * @param fd open for reading and writing
 * @throws MinidumpError of the helper; `helper-failed` where it cannot start or dies
 */
export function runHelper(options: WindowsDumpOptions, fd: number): DumpReport {
  checkWindowsOptions(options);
  checkNotSingleFile();
  using request = new Spool(options.spool);
  using answer = new Spool(options.spool);
  using words = new Spool(options.spool);
  const asked: HelperRequest = { pid: process.pid, options: helperOptions(options) };
  request.write(serialize(asked));
  request.close();
  const { maxPause = MAX_PAUSE, snapshot } = options;
  const child = spawnSync(process.execPath, [helperProgram('windows-dump-helper')], {
    stdio: [...[request, answer, words].map((spool) => spool.reserve(0).fd), fd],
    env: helperEnvironment(HELPER_VARIABLES),
    timeout: (snapshot === 'always' ? Math.max(LIMIT, maxPause) : maxPause) + MARGIN,
    killSignal: 'SIGKILL',
    windowsHide: true,
  });
  const said = contentsOf(answer);
  if (child.error !== undefined || child.status !== 0 || said.length === 0) {
    throw died(child.error, child.status, contentsOf(words));
  }
  const told = deserialize(said) as HelperAnswer;
  if (told.kind === 'report') return told.report;
  if (told.hresult !== undefined) throw new DbgHelpError(process.pid, told.hresult);
  throw errorFromPlain(told.error);
}

/** What another process has written into a spool. */
function contentsOf(spool: Spool): Buffer {
  return readWhole(spool.reserve(0).fd);
}

function died(error: Error | undefined, status: number | null, words: Buffer): MinidumpError {
  const how = error === undefined ? `ended with code ${status ?? 'unknown'}` : `failed: ${error.message}`;
  const advice = 'Try again, or dump it from another process: mdmp dump PID.';
  return helperFailed(how, words, { advice, cause: error });
}
