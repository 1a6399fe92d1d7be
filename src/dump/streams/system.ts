import {
  encodeMiscInfo5,
  encodeProcessVmCounters,
  encodeSystemMemoryInfo,
  MINIDUMP_MISC_FLAGS,
  MINIDUMP_SECONDARY_FLAGS,
  MINIDUMP_SYSTEM_INFO,
} from '../../format/index.js';
import type { Image, Location } from '../image.js';
import type { StreamContext } from './context.js';

const {
  MINIDUMP_MISC1_PROCESS_ID,
  MINIDUMP_MISC1_PROCESS_TIMES,
  MINIDUMP_MISC1_PROCESSOR_POWER_INFO,
  MINIDUMP_MISC3_TIMEZONE,
  MINIDUMP_MISC4_BUILDSTRING,
} = MINIDUMP_MISC_FLAGS;

export function systemInfo(image: Image, { target }: StreamContext): Location {
  const { system } = target;
  const CSDVersionRva = image.string(system.version);
  const bytes = MINIDUMP_SYSTEM_INFO.encode({
    ProcessorArchitecture: system.architecture,
    ProcessorLevel: system.level,
    ProcessorRevision: system.revision,
    NumberOfProcessors: system.processors,
    MajorVersion: system.major,
    MinorVersion: system.minor,
    BuildNumber: system.build,
    PlatformId: system.platform,
    CSDVersionRva,
  });
  bytes.set(system.cpu, MINIDUMP_SYSTEM_INFO.offsetOf('Cpu'));
  return image.place(bytes);
}

/** MINIDUMP_MISC_INFO_5; what the target does not know is not claimed by Flags1. */
export function miscInfo(image: Image, { target, process, selection }: StreamContext): Location {
  const { timeZone, buildString, xstate } = process;
  const withoutPower =
    (selection.secondaryFlags & MINIDUMP_SECONDARY_FLAGS.MiniSecondaryWithoutPowerInfo) !== 0;
  const power = withoutPower ? undefined : process.power;
  return image.place(
    encodeMiscInfo5({
      Flags1:
        MINIDUMP_MISC1_PROCESS_ID |
        (process.createTime === undefined ? 0 : MINIDUMP_MISC1_PROCESS_TIMES) |
        (power && MINIDUMP_MISC1_PROCESSOR_POWER_INFO ? MINIDUMP_MISC1_PROCESSOR_POWER_INFO : 0) |
        (timeZone ? MINIDUMP_MISC3_TIMEZONE : 0) |
        (buildString === undefined ? 0 : MINIDUMP_MISC4_BUILDSTRING),
      ProcessId: target.pid,
      ProcessCreateTime: process.createTime,
      ProcessUserTime: process.userTime,
      ProcessKernelTime: process.kernelTime,
      ProcessorMaxMhz: power?.maxMhz,
      ProcessorCurrentMhz: power?.currentMhz,
      ProcessorMhzLimit: power?.limitMhz,
      TimeZoneId: timeZone?.id,
      TimeZone: timeZone && {
        Bias: timeZone.bias,
        StandardName: timeZone.standardName,
        DaylightName: timeZone.daylightName,
        DaylightBias: timeZone.daylightBias,
      },
      BuildString: buildString,
      // DbgBldStr names the library that wrote the dump ("dbgcore.amd64,10.0.17763.1" on Windows).
      DbgBldStr: buildString === undefined ? undefined : 'mdmp',
      XStateData: xstate,
    }),
  );
}

export function systemMemory(image: Image, info: NonNullable<StreamContext['systemMemory']>): Location {
  return image.place(encodeSystemMemoryInfo(info));
}

export function vmCounters(image: Image, info: NonNullable<StreamContext['vmCounters']>): Location {
  return image.place(encodeProcessVmCounters(info));
}
