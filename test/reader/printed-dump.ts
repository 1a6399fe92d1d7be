/**
 * What Breakpad's minidump_dump and rust-minidump's print of a dump, compared with what the reader says: every field that
 * they print, whatever it is. They name fields in snake_case where the reader has the Win32 names.
 */
import { MINIDUMP_MISC_FLAGS } from '../../src/format/index.js';
import { hex, type Minidump, toJson } from '../../src/reader/index.js';

export interface Section {
  /** `thread[1]`, `region[0]` …, or '' */
  subject: string;
  /** `MDRawThread`, `CONTEXT_X86`, `Memory` … */
  title: string;
  fields: [key: string, value: string][];
  /** The hexadecimal digits of a dump of bytes. */
  bytes: string;
}

export function parsePrinted(text: string): Section[] {
  const sections: Section[] = [];
  let subject = '';
  let section: Section | undefined;
  for (const line of text.split('\n')) {
    // Texts of /proc follow, in which any line may be anything.
    if (line.startsWith('Stream MD_LINUX')) break;
    if (line.trim() === '' || line === '---') continue;
    const heading = /^(\w+)(\[\d+\])?:?$/.exec(line);
    if (/^0x[0-9a-f]*$/.test(line)) {
      section!.bytes += line.slice(2);
    } else if (heading?.[2]) {
      subject = line;
    } else if (heading) {
      // What is no list's element has no number.
      if (/^(Minidump\w+List|Streams|M\w*Exception|MINIDUMP_EXCEPTION)/.test(line)) subject = '';
      section = { subject, title: heading[1]!, fields: [], bytes: '' };
      sections.push(section);
    } else if (section?.title === 'Memory') {
      section.bytes += line.slice(14, 14 + 48).replaceAll(' ', '');
    } else if (section?.title === 'Stack') {
      // A word, not its bytes in their order.
      const word = /: 0x([0-9a-f]+)$/.exec(line)![1]!;
      section.bytes += word.match(/../g)!.reverse().join('');
    } else {
      const field = /^ {2}(.+?) *= ?(.*)$/.exec(line);
      if (field) section?.fields.push([field[1]!.replaceAll('[ ', '['), field[2]!]);
    }
  }
  return sections;
}

const special: Record<string, string> = {
  CheckSum: 'checksum',
  EFlags: 'eflags',
  CSDVersionRva: 'csd_version_rva',
  AMDExtendedCpuFeatures: 'amd_extended_cpu_features',
  NumberOfStreams: 'stream_count',
  dwStrucVersion: 'struct_version',
  Protect: 'protection',
  AllocationProtect: 'allocation_protection',
};

function snake(name: string): string {
  const bare = name.replace(/^(dw|Seg)(?=[A-Z])/, '');
  return special[name] ?? bare.replace(/([a-z0-9])(?=[A-Z])/g, '$1_').toLowerCase();
}

type Flat = Map<string, bigint | string>;

/** A value as a flat list of their names. */
function flatten(value: unknown, name = '', into: Flat = new Map()): Flat {
  if (typeof value === 'number' || typeof value === 'bigint') into.set(name, BigInt(value));
  else if (typeof value === 'string') into.set(name, value);
  else if (value instanceof Uint8Array) into.set(`${name}[${value.length}]`, `0x${hex(value)}`);
  else if (Array.isArray(value)) {
    for (const [i, one] of value.entries()) flatten(one, `${name}[${i}]`, into);
  } else if (value !== null && typeof value === 'object') {
    for (const [key, one] of Object.entries(value)) flatten(one, name + (name && '.') + snake(key), into);
  }
  return into;
}

/** `0x45d35f73 2007-02-14 19:13:55`, `40`, `-60`, `0x3 (ThreadListStream)` */
function numberOf(text: string): bigint | undefined {
  const digits = /^(-?)(0x[0-9a-f]+|\d+)(?= |$)/.exec(text);
  return digits ? BigInt(digits[2]!) * (digits[1] ? -1n : 1n) : undefined;
}

/** Breakpad prints the cookie with a sign. */
const unsigned = (key: string, value: bigint | undefined) =>
  key === 'process_cookie' && value !== undefined ? BigInt.asUintN(32, value) : value;

const unquoted = (text: string) => (/^".*"$/.test(text) ? text.slice(1, -1) : text);

/** The fields of the reader's value that are printed together, or spelled otherwise. */
function extras(dump: Minidump, section: Section): Record<string, string> {
  const index = Number(/\d+/.exec(section.subject)?.[0] ?? -1);
  const pair = (high: number, low: number) => `0x${high.toString(16)}:0x${low.toString(16)}`;
  switch (section.title) {
    case 'MDRawModule':
    case 'MINIDUMP_MODULE': {
      const module = dump.getSync('modules')![index]!;
      const info = module.VersionInfo;
      const view = module.codeView;
      const breakpads = section.title === 'MDRawModule';
      const identifier = module.debugIdentifier ?? '';
      const guid = identifier
        .slice(0, 32)
        .toLowerCase()
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
      return {
        'version_info.file_version': pair(info.dwFileVersionMS, info.dwFileVersionLS),
        'version_info.product_version': pair(info.dwProductVersionMS, info.dwProductVersionLS),
        'version_info.file_date': pair(info.dwFileDateMS, info.dwFileDateLS),
        '(code_file)': module.name!,
        '(code_identifier)': module.codeIdentifier ?? 'id',
        '(misc_record)': module.debugMisc ?? '(null)',
        '(debug_file)': module.debugFile ?? '',
        '(debug_identifier)': breakpads ? identifier : `${guid}-${identifier.slice(32)}`,
        '(version)': module.version ?? '',
        ...(view?.kind === 'pdb70' && {
          '(cv_record).cv_signature': '0x53445352',
          '(cv_record).signature': String(toJson(view.Signature)),
          '(cv_record).age': String(view.Age),
          '(cv_record).pdb_file_name': view.PdbFileName,
        }),
        ...(view?.kind === 'elf' && {
          '(cv_record).cv_signature': '0x4270454c',
          '(cv_record).build_id': hex(view.buildId),
        }),
        ...(view === undefined && { '(cv_record)': '(null)' }),
      };
    }
    case 'MDRawSystemInfo':
    case 'MINIDUMP_SYSTEM_INFO': {
      const info = dump.getSync('systemInfo')!;
      const { MajorVersion: major, MinorVersion: minor, BuildNumber: build } = info;
      const model = `family ${info.ProcessorLevel} model ${info.ProcessorRevision >> 8} stepping ${info.ProcessorRevision & 0xff}`;
      return {
        '(csd_version)': info.csdVersion!,
        '(cpu_vendor)': info.cpuVendor ?? '(null)',
        '(version)': `${major}.${minor}.${build} ${info.csdVersion}`,
        '(cpu_info)': `${info.cpuVendor} ${model}`,
      };
    }
    case 'MDRawMiscInfo': {
      const zone = dump.getSync('miscInfo')!.TimeZone;
      const date = (
        day: { wYear: number; wMonth: number; wDay: number; wDayOfWeek: number },
        time: number[],
      ) => {
        const two = (n: number) => String(n).padStart(2, '0');
        const [hour, minute, second, thousandth] = time as [number, number, number, number];
        return (
          `${String(day.wYear).padStart(4, '0')}-${two(day.wMonth)}-${two(day.wDay)} (${day.wDayOfWeek}) ` +
          `${two(hour)}:${two(minute)}:${two(second)}.${String(thousandth).padStart(3, '0')}`
        );
      };
      const dateOf = (day: NonNullable<typeof zone>['StandardDate']) =>
        date(day, [day.wHour, day.wMinute, day.wSecond, day.wMilliseconds]);
      const features = dump.getSync('miscInfo')!.XStateData?.Features ?? [];
      const lines: Record<string, string> = { 'xstate_data.features[]': '(empty)' };
      features.forEach(({ Offset, Size }, i) => {
        lines[`xstate_data.features[${String(i).padStart(2, '0')}]`] = `{ ${Offset}, ${Size} }`;
      });
      return zone
        ? {
            ...lines,
            'time_zone.standard_date': dateOf(zone.StandardDate),
            'time_zone.daylight_date': dateOf(zone.DaylightDate),
          }
        : {};
    }
    case 'MDAssertion': {
      const type = dump.getSync('assertionInfo')!.type;
      return { type: `${type}` };
    }
    case 'MDRawCrashpadInfo':
      return crashpadLines(dump);
    default:
      return {};
  }
}

function crashpadLines(dump: Minidump): Record<string, string> {
  const info = dump.getSync('crashpadInfo')!;
  const lines: Record<string, string> = {
    version: String(info.version),
    report_id: info.reportId,
    client_id: info.clientId,
    address_mask: String(info.addressMask),
  };
  for (const [key, value] of Object.entries(info.simpleAnnotations))
    lines[`simple_annotations["${key}"]`] = value;
  info.modules.forEach((module, i) => {
    const at = `module_list[${i}].`;
    lines[`${at}minidump_module_list_index`] = String(module.moduleIndex);
    lines[`${at}version`] = String(module.version);
    module.listAnnotations.forEach((text, j) => {
      lines[`${at}list_annotations[${j}]`] = text;
    });
    for (const [key, value] of Object.entries(module.simpleAnnotations)) {
      lines[`${at}simple_annotations["${key}"]`] = value;
    }
    for (const { name, type, value } of module.annotationObjects) {
      // Breakpad prints `name (type = 1) = value`; the first ` = ` parts key and value for the parser above.
      const text = typeof value === 'string' ? value : hex(value);
      lines[`${at}crashpad_annotations["${name}"] (type`] = `${type}) = ${text}`;
    }
  });
  return lines;
}

/** What the reader has for a section. */
function subjectOf(dump: Minidump, { subject, title }: Section): unknown {
  const index = Number(/\d+/.exec(subject)?.[0] ?? -1);
  const threads = () => dump.getSync('threads')!;
  const memoryOf = (start: bigint, size: number) => ({ bytes: hex(dump.memorySync().readSync(start, size)) });
  switch (title) {
    case 'MDRawHeader':
      return dump.header;
    case 'MDRawDirectory': {
      const { streamType, rva, dataSize } = dump.directory[index]!;
      return { StreamType: streamType, Location: { Rva: rva, DataSize: dataSize } };
    }
    case 'MinidumpThreadList':
      return { thread_count: threads().length };
    case 'MDRawThread':
    case 'MINIDUMP_THREAD':
      return threads()[index];
    case 'Stack': {
      const { Stack } = threads()[index]!;
      return memoryOf(Stack.StartOfMemoryRange, Stack.Memory.DataSize);
    }
    case 'MinidumpThreadNameList':
      return { thread_name_count: dump.getSync('threadNames')!.length };
    case 'MDRawThreadName': {
      const { ThreadId, RvaOfThreadName, name } = dump.getSync('threadNames')![index]!;
      return { ThreadId, thread_name_rva: RvaOfThreadName, thread_name: name };
    }
    case 'MinidumpModuleList':
      return { module_count: dump.getSync('modules')!.length };
    case 'MDRawModule':
    case 'MINIDUMP_MODULE':
      return dump.getSync('modules')![index];
    case 'MinidumpMemoryList':
      return { region_count: dump.getSync('memoryList')!.length };
    case 'MDMemoryDescriptor':
    case 'MINIDUMP_MEMORY_DESCRIPTOR':
      return dump.getSync('memoryList')![index];
    case 'Memory': {
      const { StartOfMemoryRange, Memory } = dump.getSync('memoryList')![index]!;
      return memoryOf(StartOfMemoryRange, Memory.DataSize);
    }
    case 'MinidumpMemoryInfoList':
      return { info_count: dump.getSync('memoryInfo')!.length };
    case 'MDRawMemoryInfo':
      return dump.getSync('memoryInfo')![index];
    case 'MinidumpUnloadedModuleList':
      return { module_count: dump.getSync('unloadedModules')!.length };
    case 'MDRawUnloadedModule':
      return dump.getSync('unloadedModules')![index];
    case 'MDException':
    case 'MINIDUMP_EXCEPTION':
      return dump.getSync('exception');
    case 'MDRawContextX86':
    case 'CONTEXT_X86':
    case 'MDRawContextAMD64':
      return (subject === '' ? dump.getSync('exception') : threads()[index])!.context!.registers;
    case 'MDRawSystemInfo':
    case 'MINIDUMP_SYSTEM_INFO':
      return dump.getSync('systemInfo');
    case 'MDRawMiscInfo':
    case 'MINIDUMP_MISC_INFO':
      return dump.getSync('miscInfo');
    case 'MDRawBreakpadInfo':
    case 'MINIDUMP_BREAKPAD_INFO':
      return dump.getSync('breakpadInfo');
    case 'MDAssertion':
      return dump.getSync('assertionInfo');
    case 'MDRawCrashpadInfo':
      return {};
    default:
      return undefined;
  }
}

/** Breakpad prints `(invalid)` for what Flags1 does not have. */
const flagOf: Record<string, number> = {
  process_id: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC1_PROCESS_ID,
  process_create_time: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC1_PROCESS_TIMES,
  process_user_time: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC1_PROCESS_TIMES,
  process_kernel_time: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC1_PROCESS_TIMES,
  processor_max_mhz: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC1_PROCESSOR_POWER_INFO,
  processor_current_mhz: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC1_PROCESSOR_POWER_INFO,
  processor_mhz_limit: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC1_PROCESSOR_POWER_INFO,
  processor_max_idle_state: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC1_PROCESSOR_POWER_INFO,
  processor_current_idle_state: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC1_PROCESSOR_POWER_INFO,
  process_integrity_level: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC3_PROCESS_INTEGRITY,
  process_execute_flags: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC3_PROCESS_EXECUTE_FLAGS,
  protected_process: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC3_PROTECTED_PROCESS,
  time_zone_id: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC3_TIMEZONE,
  time_zone: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC3_TIMEZONE,
  build_string: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC4_BUILDSTRING,
  dbg_bld_str: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC4_BUILDSTRING,
  process_cookie: MINIDUMP_MISC_FLAGS.MINIDUMP_MISC5_PROCESS_COOKIE,
};

function isInvalid(dump: Minidump, { title }: Section, actual: Flat, key: string): boolean {
  if (title === 'MDRawBreakpadInfo') {
    const bit = key === 'dump_thread_id' ? 1 : 2;
    return (dump.getSync('breakpadInfo')!.validity & bit) === 0;
  }
  // Breakpad ties this to the flag of the field behind it.
  const flag = flagOf[key.startsWith('xstate_data.') ? 'process_cookie' : key];
  return !actual.has(key) || (flag !== undefined && (dump.getSync('miscInfo')!.Flags1 & flag) === 0);
}

export interface Comparison {
  /** How many fields and blocks of bytes were compared. */
  compared: number;
  differences: string[];
}

/** Compares every field of every section but those that `ignored` lets pass. */
export function compare(
  dump: Minidump,
  sections: readonly Section[],
  ignored: (section: Section, key: string, printed: string) => boolean = () => false,
): Comparison {
  const differences: string[] = [];
  let compared = 0;
  for (const section of sections) {
    const where = `${section.subject} ${section.title}`.trim();
    if (section.title === 'Streams') continue; // the directory again, sorted
    const value = subjectOf(dump, section);
    if (value === undefined) {
      differences.push(`${where}: not known here`);
      continue;
    }
    const actual = flatten(value);
    for (const [key, text] of Object.entries(extras(dump, section))) {
      actual.set(key, text);
    }
    if (section.bytes !== '') {
      compared++;
      if (actual.get('bytes') !== section.bytes) differences.push(`${where}: other bytes`);
    }
    for (const [key, printed] of section.fields) {
      if (ignored(section, key, printed)) continue;
      compared++;
      const ours = actual.get(key);
      if (printed === '(invalid)') {
        if (!isInvalid(dump, section, actual, key))
          differences.push(`${where}.${key}: (invalid), ours ${ours}`);
        continue;
      }
      const same =
        typeof ours === 'bigint'
          ? ours === unsigned(key, numberOf(printed))
          : ours?.toLowerCase() === unquoted(printed).toLowerCase();
      if (!same) differences.push(`${where}.${key}: ${printed}, ours ${ours}`);
    }
  }
  return { compared, differences };
}
