import type { DumpOptions } from '../../dump/index.js';
import { MinidumpError } from '../../io/index.js';
import type { Abi } from './abi/index.js';
import { checkNativeException, type NativeException } from './exception.js';

/** The default of `maxPause`, as on Linux. */
export const MAX_PAUSE = 10_000;

/** What only a dump on Windows takes. */
export interface WindowsOptions {
  /**
   * The DLL whose MiniDumpWriteDump writes the dump, by its path: a newer DbgHelp or DbgCore than the system's, which is the default. It runs
   * inside this process.
   */
  dbghelp?: string | undefined;
  /**
   * The compiler that this DLL was built by: on 64-bit processors it decides where in two structures a CONTEXT lies. Microsoft's are
   * `msvc`, the default. `gcc` is for tests under Wine, whose own dbghelp.dll is built by mingw; so is the variable MDMP_DBGHELP_ABI.
   */
  abi?: 'msvc' | 'gcc' | undefined;
}

/** How a process is dumped on Windows. */
export interface WindowsDumpOptions<Param = unknown>
  extends Omit<DumpOptions<Param>, 'exception' | 'storedMemory'>,
    WindowsOptions {
  exception?: NativeException | undefined;
  /**
   * Longest time that the process may stand still, in milliseconds; 10,000 by default. A guard lets it go on then, and the dump fails. A dump of
   * a snapshot has no limit.
   */
  maxPause?: number | undefined;
  /** `always`: dump a snapshot of the process (PssCaptureSnapshot), so that it stands still for that only. `auto` is `never` here. */
  snapshot?: 'auto' | 'always' | 'never' | undefined;
  /** The folder where a dump lies that does not go to a file at once; that of the system by default. */
  spool?: string | undefined;
  beforeStop?: ((tracerOnly: boolean) => void) | undefined;
  afterStop?: (() => void) | undefined;
}

/** Of the DLL; MDMP_DBGHELP_ABI says it where no option does. @throws MinidumpError `invalid-argument` */
export function compilerOf({ abi }: WindowsOptions): Abi['compiler'] {
  const compiler = abi ?? (process.env.MDMP_DBGHELP_ABI || 'msvc');
  if (compiler === 'msvc' || compiler === 'gcc') return compiler;
  throw new MinidumpError(
    'invalid-argument',
    `abi (MDMP_DBGHELP_ABI) must be msvc or gcc, not ${String(compiler)}`,
  );
}

/** Refuses what DbgHelp cannot be told. @throws MinidumpError `unsupported`, `invalid-argument` */
export function checkWindowsOptions(given: WindowsDumpOptions & { maxStack?: number | undefined }): void {
  const { maxStack, maxPause, dbghelp, exception, snapshot } = given;
  if (maxStack !== undefined) {
    throw new MinidumpError(
      'unsupported',
      'maxStack (--max-stack) cannot be had on Windows: DbgHelp takes stacks whole',
      {
        advice: 'Leave it out; a callback can leave out the stacks of chosen threads.',
      },
    );
  }
  if (maxPause !== undefined && !(maxPause > 0)) {
    throw new MinidumpError('invalid-argument', 'maxPause must be more than 0');
  }
  if (snapshot !== undefined && !['auto', 'always', 'never'].includes(snapshot)) {
    throw new MinidumpError(
      'invalid-argument',
      `snapshot must be auto, always or never, not ${String(snapshot)}`,
    );
  }
  compilerOf(given);
  if (dbghelp !== undefined && (typeof dbghelp !== 'string' || dbghelp === '')) {
    throw new MinidumpError('invalid-argument', 'dbghelp must be the path of a DLL');
  }
  if (exception !== undefined) checkNativeException(exception);
}
