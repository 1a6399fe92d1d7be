import type { SharedAttachment } from '../targets/linux/attached/shared-attachment.js';
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
