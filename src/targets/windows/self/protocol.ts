import type { DumpReport } from '../../../dump/index.js';
import type { PlainError } from '../../../io/plain-error.js';
import { compilerOf, type WindowsDumpOptions } from '../options.js';

/*
 * What a process and the helper that dumps it agree on. The helper is told what to do by a file (HelperRequest) on its standard input, and
 * answers by a file (HelperAnswer) on its standard output, both serialised by V8: it is the same Node. The dump is descriptor 3.
 */

export const OUTPUT_DESCRIPTOR = 3;

/** The options that can be told to another process. */
export type HelperOptions = Pick<
  WindowsDumpOptions,
  'type' | 'userStreams' | 'comment' | 'exception' | 'maxPause' | 'snapshot' | 'dbghelp' | 'abi'
>;

export function helperOptions(options: WindowsDumpOptions): HelperOptions {
  const { type, userStreams, comment, exception, maxPause, snapshot, dbghelp } = options;
  return { type, userStreams, comment, exception, maxPause, snapshot, dbghelp, abi: compilerOf(options) };
}

export interface HelperRequest {
  /** The process, which is the parent of the helper. */
  pid: number;
  options: HelperOptions;
}

export type HelperAnswer =
  | { kind: 'report'; report: DumpReport }
  | {
      kind: 'error';
      error: PlainError;
      /** Of MiniDumpWriteDump. */
      hresult: number | undefined;
    };
