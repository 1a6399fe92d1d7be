import { resolve } from 'node:path';
import { dumpTypeName } from '../../dump/dump-type-text.js';
import { PlatformId } from '../../format/index.js';
import { type MinidumpError, runSync } from '../../io/index.js';
import type { Minidump, Streams, SystemInfo } from '../../reader/index.js';
import { isWindows } from '../../reader/index.js';
import { type DumpSize, optional, streamName, withDump } from '../dump-file.js';
import { out, print, printJson } from '../output.js';
import { count, fields, hex, printable, size, time } from '../text.js';

/** `mdmp info FILE [SYMBOLS…]`: a broken part costs its line, not the rest. */
export async function info(
  file: string,
  symbolPaths: readonly string[],
  options: { json?: boolean },
): Promise<void> {
  await withDump(file, async (dump, size) => {
    const parts = gather(dump, file, size);
    const found = { ...parts, crash: await describeCrash(dump, file, symbolPaths, parts.problems) };
    if (options.json) await printJson(found);
    else await print(screen(found, dump));
  });
}

type Info = ReturnType<typeof gather> & { crash: Awaited<ReturnType<typeof describeCrash>> };

function gather(dump: Minidump, file: string, { size, compressedSize }: DumpSize) {
  const problems: MinidumpError[] = [];
  const system = optional(dump, 'systemInfo', problems);
  const misc = optional(dump, 'miscInfo', problems);
  optional(dump, 'exception', problems);
  const threads = optional(dump, 'threads', problems);
  const modules = optional(dump, 'modules', problems);
  const comment = optional(dump, 'commentW', problems) ?? optional(dump, 'commentA', problems);
  const commandLine = optional(dump, 'linuxCommandLine', problems);
  // They are in the memory view, which leaves out what is broken; here one wants to know.
  optional(dump, 'memoryList', problems);
  optional(dump, 'memory64List', problems);
  const ranges = dump.memorySync().ranges();
  return {
    file: resolve(file),
    size,
    compressedSize,
    flags: dump.header.Flags,
    type: dumpTypeName(dump.header.Flags),
    written: dump.header.TimeDateStamp,
    bigEndian: dump.littleEndian ? undefined : true,
    system: system && describeSystem(system),
    process: describeProcess(misc, commandLine),
    threads: threads && { count: threads.length, names: unique(threads.map(({ name }) => name)) },
    modules: modules && { count: modules.length, main: modules[0]?.name },
    memory: {
      ranges: ranges.length,
      bytes: ranges.reduce((sum, { start, end }) => sum + Number(end - start), 0),
    },
    comment,
    streams: dump.directory.filter(({ streamType }) => streamType !== 0).map(streamName),
    problems,
  };
}

function describeSystem(info: SystemInfo) {
  const { MajorVersion, MinorVersion, BuildNumber, NumberOfProcessors, csdVersion } = info;
  return {
    platform: platformName(info),
    version: `${MajorVersion}.${MinorVersion}.${BuildNumber}`,
    csdVersion: csdVersion || undefined,
    cpu: info.cpu ?? info.architectureName ?? hex(info.ProcessorArchitecture),
    cpuVendor: info.cpuVendor,
    processors: NumberOfProcessors,
  };
}

const PLATFORMS: Readonly<Record<number, string>> = {
  [PlatformId.MD_OS_LINUX]: 'Linux',
  [PlatformId.MD_OS_ANDROID]: 'Android',
  [PlatformId.MD_OS_MAC_OS_X]: 'macOS',
  [PlatformId.MD_OS_IOS]: 'iOS',
  [PlatformId.MD_OS_FUCHSIA]: 'Fuchsia',
};

function platformName(info: SystemInfo): string {
  if (isWindows(info)) return 'Windows';
  return PLATFORMS[info.PlatformId] ?? info.platformName ?? `platform ${hex(info.PlatformId)}`;
}

/** MINIDUMP_MISC1_PROCESS_ID and MINIDUMP_MISC1_PROCESS_TIMES */
const [HAS_ID, HAS_TIMES] = [1, 2];

function describeProcess(misc: Streams['miscInfo'] | undefined, commandLine: string[] | undefined) {
  const flags = misc?.Flags1 ?? 0;
  const id = (flags & HAS_ID) !== 0 ? misc!.ProcessId : undefined;
  const times = (flags & HAS_TIMES) !== 0 ? misc : undefined;
  if (id === undefined && times === undefined && commandLine === undefined) return undefined;
  return {
    id,
    created: times?.ProcessCreateTime,
    userSeconds: times?.ProcessUserTime,
    kernelSeconds: times?.ProcessKernelTime,
    commandLine,
  };
}

/** By the code of `mdmp stack`, which is loaded for dumps of crashes only. */
async function describeCrash(
  dump: Minidump,
  file: string,
  symbolPaths: readonly string[],
  problems: MinidumpError[],
) {
  const exception = runSync(dump.tryTask('exception'));
  if (exception === undefined) return undefined;
  const { ThreadId, ExceptionRecord, context } = exception;
  const { ExceptionCode: code, ExceptionFlags: flags } = ExceptionRecord;
  const { crashFacts } = await import('../crash.js');
  const facts = await crashFacts(dump, exception, file, symbolPaths, problems);
  const modules = runSync(dump.tryTask('modules'));
  const instruction = context?.instructionPointer;
  const module = modules?.find(
    ({ BaseOfImage, SizeOfImage }) =>
      instruction !== undefined && instruction >= BaseOfImage && instruction - BaseOfImage < SizeOfImage,
  );
  return {
    thread: ThreadId,
    code,
    flags,
    reason: facts.reason,
    address: facts.address,
    instructionPointer: instruction,
    module: module?.name,
    moduleOffset: module && instruction! - module.BaseOfImage,
    stack: facts.stack?.map(({ text, frame, ...line }) => ({
      ...line,
      module: frame.module?.name,
      address: frame.lookupAddress,
      trust: frame.trust,
      text,
    })),
  };
}

function unique(names: readonly (string | undefined)[]): string[] {
  return [...new Set(names.filter((name): name is string => name !== undefined && name !== ''))];
}

/** So many thread names and streams fit on a screen. */
const MOST_NAMES = 12;

function screen(found: Info, dump: Minidump): string {
  const { system, process, crash, threads, modules, memory, comment, streams, problems } = found;
  const packed = found.compressedSize === undefined ? '' : ` (${size(found.compressedSize)} compressed)`;
  const order = found.bigEndian ? ', big-endian' : '';
  const entries: [string, string][] = [
    ['file', `${printable(found.file)}, ${size(found.size)}${packed}${order}`],
    ['written', time(found.written)],
    ['type', found.type],
  ];
  if (system) {
    const vendor = system.cpuVendor ? ` ${system.cpuVendor}` : '';
    entries.push(['system', `${versionText(system)}; ${system.processors} × ${system.cpu}${vendor}`]);
  }
  if (process) entries.push(['process', processText(process)]);
  entries.push(['crash', crash ? crashText(crash) : 'none']);
  if (crash?.stack) entries.push(['stack', stackText(crash.stack)]);
  if (threads) entries.push(['threads', named(threads.count, threads.names)]);
  if (modules)
    entries.push(['modules', named(modules.count, modules.main === undefined ? [] : [modules.main])]);
  entries.push(['memory', `${size(memory.bytes)} in ${count(memory.ranges, 'range')}`]);
  if (comment !== undefined) entries.push(['comment', printable(comment)]);
  entries.push([
    'streams',
    named(
      dump.directory.length,
      streams.map((name) => name.replace(/Stream$/, '')),
    ),
  ]);
  const lines = [fields(entries, out.dim)];
  for (const { message } of problems) lines.push(`${out.yellow('broken:')} ${printable(message)}`);
  return lines.join('\n');
}

/** `Windows 5.1.2600, Service Pack 2`; on Linux what uname prints, which has it all (Breakpad leaves the numbers 0). */
function versionText({ platform, version, csdVersion }: NonNullable<Info['system']>): string {
  const text = printable(csdVersion ?? '');
  if (text.startsWith(platform)) return text;
  return [`${platform} ${version}`, text].filter((part) => part !== '').join(', ');
}

function processText({
  id,
  created,
  userSeconds,
  kernelSeconds,
  commandLine,
}: NonNullable<Info['process']>): string {
  const parts: string[] = [];
  if (id !== undefined) parts.push(String(id));
  if (created !== undefined) {
    parts.push(`started ${time(created)}`, `${userSeconds} s user, ${kernelSeconds} s kernel time`);
  }
  const first = parts.join(', ');
  if (commandLine === undefined) return first;
  const command = printable(commandLine.join(' '));
  return first === '' ? command : `${first}\n${command}`;
}

function crashText(crash: NonNullable<Info['crash']>): string {
  const first = `${crash.reason} in thread ${crash.thread}, address ${hex(crash.address)}`;
  if (crash.instructionPointer === undefined) return first;
  const where =
    crash.module === undefined ? '' : `, ${printable(crash.module)} + ${hex(crash.moduleOffset!)}`;
  return `${first}\ninstruction ${hex(crash.instructionPointer)}${where}`;
}

/** So many frames fit on a screen. */
const MOST_FRAMES = 20;

function stackText(stack: readonly { text: string; trust: string }[]): string {
  const lines = stack
    .slice(0, MOST_FRAMES)
    .map(({ text, trust }) => printable(text) + (trust === 'scan' ? out.dim(' (a guess)') : ''));
  const more = stack.length - lines.length;
  return (more === 0 ? lines : [...lines, `    … and ${more} more: \`mdmp stack\``]).join('\n');
}

/** `12: main, worker, …` */
function named(total: number, names: readonly string[]): string {
  if (names.length === 0) return String(total);
  const more = names.length > MOST_NAMES ? ', …' : '';
  return `${total}: ${names.slice(0, MOST_NAMES).map(printable).join(', ')}${more}`;
}
