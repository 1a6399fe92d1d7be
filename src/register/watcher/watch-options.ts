import { parseDumpType } from '../../dump/dump-type-text.js';
import { loadCallback, type WatchOptions } from '../../watch/index.js';
import type { RegisterOptions } from '../options.js';

/** The options of a process, for its watch. @throws MinidumpError `invalid-argument`, `callback-failed` */
export async function watchOptions(given: RegisterOptions): Promise<WatchOptions> {
  const { type, callback, onDump, crash, maxPause, maxStack, snapshot } = given;
  const callbacks = callback === undefined ? {} : await loadCallback(callback);
  return {
    ...callbacks,
    crash,
    type: typeof type === 'string' ? parseDumpType(type) : type,
    maxPause,
    maxCrashPause: maxPause,
    maxStack,
    snapshot,
    onDump: typeof onDump === 'string' ? [onDump] : onDump,
    dumps: {
      folder: given.dir,
      template: given.name,
      maxCount: given.maxCount,
      maxBytes: given.maxBytes,
      limit: given.count,
      spacing: given.spacing,
      compress: given.compress,
    },
  };
}

/** Whether a watch has to begin anew for other options: the rest is no matter of its own. */
export function isSameWatch(a: RegisterOptions, b: RegisterOptions): boolean {
  const own = ({ hang: _, uncaught: _u, message: _m, quiet: _q, ...watch }: RegisterOptions) =>
    JSON.stringify(
      Object.entries(watch)
        .filter(([, value]) => value !== undefined)
        .sort(),
    );
  return own(a) === own(b);
}
