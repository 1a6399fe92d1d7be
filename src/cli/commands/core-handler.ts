import { closeSync, constants, fstatSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { parseDumpType } from '../../dump/dump-type-text.js';
import { type DumpOptions, writeDump } from '../../dump/index.js';
import { type ErrorCode, MinidumpError, runSync } from '../../io/index.js';
import { readCoreFile } from '../../linux/core-file.js';
import { cpus } from '../../linux/cpu/index.js';
import { FileSink } from '../../node/file-sink.js';
import { linuxOnly } from '../../node/linux-only.js';
import { PipeHead } from '../../node/pipe-head.js';
import { Spool } from '../../node/spool.js';
import { openBelow } from '../../node/sysroot.js';
import { ElfCoreTarget } from '../../targets/elf-core/index.js';
import { CrashedProcess } from '../../targets/linux/crashed-process.js';
import { systemFacts } from '../../targets/linux/facts.js';
import { dumpProcess } from '../../targets/linux/live.js';
import { readText } from '../../targets/linux/procfs.js';
import { loadCallback } from '../../watch/load-callback.js';
import { parseId, parseSize, wrong } from '../arguments.js';
import { defaultName } from '../default-name.js';
import { MAIN_FILE } from '../main-file.js';
import { print } from '../output.js';

export interface CoreHandlerArguments {
  printPattern?: boolean;
  dir: string;
  type: string;
  callback?: string;
  spool?: string;
  maxStack?: string;
}

export const DEFAULT_FOLDER = '/var/crash';
export const DEFAULT_TYPE = 'normal';

/** CORENAME_MAX_SIZE of the kernel with its NUL. */
const MAX_PATTERN = 127;
const LOG = 'core-handler.log';
const STDIN = 0;
/** Nobody waits for a process that has crashed; but it shall not stay for ever. */
const MAX_DUMP = 10 * 60_000;
const MAX_STACK = 1024 * 1024;

/** Why a process cannot be read any more, or not from here: what still comes through the pipe has its memory as well. */
const UNREADABLE: ReadonlySet<ErrorCode> = new Set([
  'no-such-process',
  'zombie',
  'permission-denied',
  'already-traced',
  'target-exited',
  'koffi-missing',
]);

/** `mdmp core-handler`, which the kernel starts with the core on its standard input. */
export async function coreHandler(
  process_: string | undefined,
  thread: string | undefined,
  given: CoreHandlerArguments,
): Promise<void> {
  linuxOnly('mdmp core-handler');
  if (given.printPattern) {
    await print(pattern(given));
    return;
  }
  if (process_ === undefined) {
    throw wrong('core-handler is started by the kernel, with a process id', 'See mdmp core-handler --help.');
  }
  try {
    mkdirSync(given.dir, { recursive: true, mode: 0o700 });
    await handle(parseId(process_, 'the process id'), thread, given);
  } catch (error) {
    log(given.dir, process_, error);
    throw error;
  }
}

async function handle(pid: number, thread: string | undefined, given: CoreHandlerArguments): Promise<void> {
  const tid = thread === undefined ? undefined : parseId(thread, 'the thread id');
  const maxStack = given.maxStack === undefined ? MAX_STACK : parseSize(given.maxStack, '--max-stack');
  const callback = given.callback === undefined ? {} : await loadCallback(given.callback);
  const options: DumpOptions = { ...callback, type: parseDumpType(given.type) };
  const file = join(given.dir, defaultName(pid));

  // Header, program headers, notes. The rest stays in the pipe, and the process in the kernel, which waits for us to take it.
  const pipe = new PipeHead(STDIN);
  try {
    const { notes } = runSync(readCoreFile(pipe));
    const target = new CrashedProcess(pid, tid, notes, {
      maxPause: MAX_DUMP,
      maxStack,
      type: options.type ?? 0,
    });
    dumpProcess(target, { ...options, maxPause: MAX_DUMP }, new FileSink(file));
  } catch (error) {
    if (!(error instanceof MinidumpError) || !UNREADABLE.has(error.code)) throw error;
    using spool = new Spool(given.spool);
    pipe.drain((bytes) => spool.write(bytes));
    spool.close();
    using gone = runSync(
      ElfCoreTarget.open(spool, {
        type: options.type,
        maxStack,
        openFile: openBelow('/'),
        // It was this machine, if not this process.
        system: systemFacts(readText('/proc/cpuinfo') ?? '', cpus.amd64, new Map()),
      }),
    );
    runSync(writeDump(gone, options, new FileSink(file)));
  }
}

/** What to write into /proc/sys/kernel/core_pattern. */
function pattern(given: CoreHandlerArguments): string {
  const words = [process.execPath, MAIN_FILE, 'core-handler', '%P', '%I'];
  const add = (option: string, value: string | undefined, what?: string) => {
    if (value === undefined) return;
    // The kernel starts the handler in /.
    if (what !== undefined && !isAbsolute(value))
      throw wrong(`${what} must be an absolute path, not '${value}'`);
    words.push(option, value);
  };
  // What is wrong shall show now, not at the first crash.
  parseDumpType(given.type);
  if (given.maxStack !== undefined) parseSize(given.maxStack, '--max-stack');
  if (given.dir !== DEFAULT_FOLDER) add('--dir', given.dir, '--dir');
  if (given.type !== DEFAULT_TYPE) add('-t', given.type);
  add('-c', given.callback, '--callback');
  add('--spool', given.spool, '--spool');
  add('--max-stack', given.maxStack);

  const spaced = words.find((word) => /\s/.test(word));
  if (spaced !== undefined) {
    throw wrong(`core_pattern cannot hold '${spaced}': the kernel splits it at spaces`, shorter);
  }
  const line = `|${words.map((word) => (/^%[PI]$/.test(word) ? word : word.replaceAll('%', '%%'))).join(' ')}`;
  const length = Buffer.byteLength(line);
  if (length > MAX_PATTERN) {
    throw wrong(
      `core_pattern holds ${MAX_PATTERN} bytes at most, and this takes ${length}: ${line}`,
      shorter,
    );
  }
  return line;
}

const shorter =
  'Write a script with a short path, such as /usr/local/sbin/mdmp-core, that runs this command with "$@", and set core_pattern to \'|/usr/local/sbin/mdmp-core %P %I\'.';

/** A line about what went wrong: nobody sees the handler's stderr. Never throws. */
function log(folder: string, pid: string, error: unknown): void {
  try {
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
    // Others may write in that folder too: no pipe that nobody reads, and no file of theirs.
    const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
    const fd = openSync(join(folder, LOG), flags, 0o600);
    const stat = fstatSync(fd);
    const own = stat.isFile() && stat.uid === process.geteuid?.() && stat.nlink === 1;
    const code = error instanceof MinidumpError ? error.code : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    const line = `${new Date().toISOString()} process ${pid}: ${code}: ${message}`.replaceAll(/\s+/g, ' ');
    if (own) writeSync(fd, `${line}\n`);
    closeSync(fd);
  } catch {}
}
