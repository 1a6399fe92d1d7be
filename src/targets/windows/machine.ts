import { MinidumpError } from '../../io/index.js';
import { type NativePointer, win32 } from '../../node/win32.js';
import type { Abi } from './abi/index.js';

/** IMAGE_FILE_MACHINE_* */
const MACHINES: ReadonlyMap<number, { name: string; bits: number }> = new Map([
  [0x014c, { name: 'x86', bits: 32 }],
  [0x01c4, { name: 'ARM', bits: 32 }],
  [0x8664, { name: 'x64', bits: 64 }],
  [0xaa64, { name: 'ARM64', bits: 64 }],
]);
const OWN: Readonly<Record<string, { machine: number; cpu: Abi['cpu'] }>> = {
  x64: { machine: 0x8664, cpu: 'x64' },
  arm64: { machine: 0xaa64, cpu: 'arm64' },
  ia32: { machine: 0x014c, cpu: 'x86' },
};
const ProcessMachineTypeInfo = 9;

/** The processor that this Node is built for, whose structures DbgHelp uses. @throws MinidumpError `platform` */
export function ownCpu(): Abi['cpu'] {
  const own = OWN[process.arch];
  if (process.platform === 'win32' && own !== undefined) return own.cpu;
  throw new MinidumpError('platform', `DbgHelp is not to be had on ${process.platform} ${process.arch}`);
}

/**
 * Refuses a process of another kind than this one: of a 32-bit process a 64-bit DbgHelp writes the 64-bit half that Windows runs it in.
 *
 * @throws MinidumpError `unsupported`
 */
export function checkMachine(pid: number, handle: NativePointer): void {
  const machine = machineOf(handle);
  if (machine === undefined || machine === OWN[process.arch]?.machine) return;
  const { name, bits } = MACHINES.get(machine) ?? { name: `machine 0x${machine.toString(16)}`, bits: 0 };
  const what = bits === 0 ? name : `${name}, ${bits} bits`;
  throw new MinidumpError(
    'unsupported',
    `process ${pid} runs a program for ${what}, and this Node is one for ${process.arch}: DbgHelp would dump the layer between them`,
    { advice: `Dump it with a Node that is built for ${name}.` },
  );
}

/** IMAGE_FILE_MACHINE_* of a process; undefined where this Windows cannot tell. */
function machineOf(handle: NativePointer): number | undefined {
  return machineByInformation(handle) ?? machineByWow64(handle);
}

/** Windows 11: it knows x64 programs on ARM64, too, which are no WOW64. */
function machineByInformation(handle: NativePointer): number | undefined {
  try {
    // PROCESS_MACHINE_INFORMATION: USHORT ProcessMachine, USHORT Res0, DWORD MachineAttributes
    const information = Buffer.alloc(8);
    const got = win32(
      'kernel32',
      'int __stdcall GetProcessInformation(void *process, int kind, _Out_ void *information, uint32_t size)',
    )(handle, ProcessMachineTypeInfo, information, information.length);
    return (got && information.readUInt16LE(0)) || undefined;
  } catch {
    return undefined; // Windows 7 has no such function.
  }
}

/** Windows 10 from version 1511 on. */
function machineByWow64(handle: NativePointer): number | undefined {
  try {
    const machine = [0];
    const native = [0];
    const got = win32(
      'kernel32',
      'int __stdcall IsWow64Process2(void *process, _Out_ uint16_t *machine, _Out_ uint16_t *native)',
    )(handle, machine, native);
    if (!got) return undefined;
    // IMAGE_FILE_MACHINE_UNKNOWN: not under WOW64.
    return machine[0] === 0 ? native[0] : machine[0];
  } catch {
    return undefined;
  }
}
