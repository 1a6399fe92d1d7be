import type { DumpException } from '../dump/index.js';
import { MinidumpError } from '../io/index.js';
import type { LiveOptions as LinuxLiveOptions } from '../targets/linux/live.js';
import type { WriteMinidumpOptions as LinuxOptions } from '../targets/linux/write-minidump.js';
import type { NativeException } from '../targets/windows/exception.js';
import type { WindowsOptions } from '../targets/windows/options.js';

/** The crash of a process: siginfo and ucontext of Linux, or EXCEPTION_POINTERS of Windows. */
export type LiveException = DumpException | NativeException;

interface OnEverySystem extends WindowsOptions {
  exception?: LiveException | undefined;
}

/** How a live process is dumped, beside what goes into the dump. What a system cannot do is refused there. */
export interface LiveOptions<Param = unknown>
  extends Omit<LinuxLiveOptions<Param>, 'exception'>,
    OnEverySystem {}

export interface WriteMinidumpOptions<Param = unknown>
  extends Omit<LinuxOptions<Param>, 'exception'>,
    OnEverySystem {}

/** Refuses what only Windows has. @throws MinidumpError `platform`, `invalid-argument` */
export function linuxOptions<Options extends LiveOptions>(
  options: Options,
): Options & { exception?: DumpException | undefined } {
  for (const name of ['dbghelp', 'abi'] as const) {
    if (options[name] === undefined) continue;
    throw new MinidumpError('platform', `${name} is for Windows: on Linux there is no DbgHelp`, {
      advice: 'Leave it out here.',
    });
  }
  if (options.exception !== undefined && !('siginfo' in options.exception)) {
    throw new MinidumpError('invalid-argument', 'an exception on Linux has siginfo and ucontext', {
      advice: '`pointers` is what Windows has.',
    });
  }
  return options as Options & { exception?: DumpException | undefined };
}

/** Refuses what only Linux has. @throws MinidumpError `invalid-argument` */
export function windowsOptions<Options extends LiveOptions>(
  options: Options,
): Options & { exception?: NativeException | undefined } {
  if (options.exception !== undefined && 'siginfo' in options.exception) {
    throw new MinidumpError('invalid-argument', 'an exception on Windows has `pointers`', {
      advice: 'siginfo and ucontext are what Linux has.',
    });
  }
  return options as Options & { exception?: NativeException | undefined };
}
