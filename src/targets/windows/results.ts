import { HRESULT } from '../../format/index.js';
import { type ErrorCode, MinidumpError } from '../../io/index.js';

/** HRESULT_FROM_WIN32: FACILITY_WIN32, severity error. */
const WIN32 = 0x8007_0000;

interface Meaning {
  readonly name: string;
  readonly code: ErrorCode;
  readonly what: string;
  readonly advice?: string;
}

const CHANGED: Omit<Meaning, 'name'> = {
  code: 'memory-unreadable',
  what: 'memory of the process changed or went away while it was read',
  advice: 'Try again, or dump a snapshot of the process (--snapshot always).',
};
const DISK_FULL: Omit<Meaning, 'name'> = {
  code: 'disk-full',
  what: 'no space is left for the dump',
  advice: 'Make room, choose another folder, or leave memory out with a callback.',
};

/** What MiniDumpWriteDump, OpenProcess and their like fail with. Win32 codes stand under their numbers, HRESULTs under theirs. */
const MEANINGS: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [
    5,
    {
      name: 'ERROR_ACCESS_DENIED',
      code: 'permission-denied',
      what: 'access was denied',
      advice:
        'Run as the user of the process, or elevated (as administrator); protected processes can be dumped by nobody.',
    },
  ],
  [6, { name: 'ERROR_INVALID_HANDLE', code: 'target-exited', what: 'a handle is no longer valid' }],
  [
    8,
    {
      name: 'ERROR_NOT_ENOUGH_MEMORY',
      code: 'system-call',
      what: 'there is not enough memory',
      advice: 'Close other programs, or leave memory out with a callback.',
    },
  ],
  [14, { name: 'ERROR_OUTOFMEMORY', code: 'system-call', what: 'there is not enough memory' }],
  [39, { name: 'ERROR_HANDLE_DISK_FULL', ...DISK_FULL }],
  [
    87,
    {
      name: 'ERROR_INVALID_PARAMETER',
      code: 'invalid-argument',
      what: 'an argument is not known to it',
      advice: 'An older DbgHelp knows fewer types: leave flags out, or name a newer DLL (--dbghelp).',
    },
  ],
  [112, { name: 'ERROR_DISK_FULL', ...DISK_FULL }],
  [120, { name: 'ERROR_CALL_NOT_IMPLEMENTED', code: 'unsupported', what: 'it cannot do this' }],
  [299, { name: 'ERROR_PARTIAL_COPY', ...CHANGED }],
  [998, { name: 'ERROR_NOACCESS', ...CHANGED }],
  [1223, { name: 'ERROR_CANCELLED', code: 'cancelled', what: 'the callback cancelled the dump' }],
  [HRESULT.E_NOTIMPL, { name: 'E_NOTIMPL', code: 'unsupported', what: 'it cannot do this' }],
  [HRESULT.E_FAIL, { name: 'E_FAIL', code: 'system-call', what: 'it does not say why' }],
]);

/** What MiniDumpWriteDump failed with. */
export class DbgHelpError extends MinidumpError {
  /** As GetLastError gave it. */
  readonly hresult: number;

  constructor(pid: number, result: number) {
    const { code, what, name, advice } = meaningOf(result);
    super(code, `DbgHelp could not dump process ${pid}: ${what} (${name})`, { advice });
    this.hresult = result;
  }
}

/** A function of Windows failed with a Win32 code. */
export function systemError(what: string, error: number): MinidumpError {
  const { code, what: why, name, advice } = meaningOf(error);
  return new MinidumpError(code, `${what}: ${why} (${name})`, { advice });
}

function meaningOf(result: number): Meaning {
  const win32 = result >>> 16 === WIN32 >>> 16 ? result & 0xffff : result;
  const known = MEANINGS.get(win32) ?? MEANINGS.get(result);
  if (known !== undefined) return known;
  const name = result > 0xffff ? `HRESULT 0x${result.toString(16).padStart(8, '0')}` : `error ${result}`;
  return { name, code: 'system-call', what: 'it failed in a way not foreseen' };
}
