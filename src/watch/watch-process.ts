import { MinidumpError } from '../io/index.js';
import { parseStatus } from '../linux/stat.js';
import type { SharedAttachment } from '../targets/linux/attached/shared-attachment.js';
import { readText } from '../targets/linux/procfs.js';
import { needsAttachment } from './derived-options.js';
import type { WatchOptions } from './options.js';
import { Watch } from './watch.js';

/**
 * Watches a process, and dumps it when it crashes or a trigger fires.
 *
 * @param shared for a program that watches several processes: they share the thread that is attached
 * @throws MinidumpError as writeMinidump does for a process that cannot be dumped; `invalid-argument` for an impossible trigger
 */
export async function watchProcess<Param = unknown>(
  pid: number,
  options: WatchOptions<Param> = {},
  shared?: SharedAttachment,
): Promise<Watch> {
  if (needsAttachment(options as WatchOptions)) refuseOwnChild(pid);
  return await Watch.attach(pid, options as WatchOptions, shared);
}

/**
 * Starts a program, and watches it from before its first instruction. It has the standard streams, the terminal, the environment and the
 * folder of this process, and is its child, whose end only the watch tells of.
 *
 * @param command the program, as execvp(3) finds it, and its arguments
 */
export async function runWatched<Param = unknown>(
  command: readonly string[],
  options: WatchOptions<Param> = {},
): Promise<Watch> {
  return await Watch.launch(command, options as WatchOptions);
}

/**
 * libuv waits for the children of this program by their ids, and takes the stops of a traced one for its end (measured: 'exit' with the code 0 for
 * a child that lived on).
 */
function refuseOwnChild(pid: number): void {
  const parent = parseStatus(readText(`/proc/${pid}/status`) ?? '').get('PPid');
  if (parent !== String(process.pid)) return;
  throw new MinidumpError('own-process', `process ${pid} is a child of this program, which cannot trace it`, {
    advice: `Start it with runWatched, or watch it from another process: mdmp watch ${pid}`,
  });
}
