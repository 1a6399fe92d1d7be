import type { TargetHandle } from '../dump/target.js';
import { signalsOf } from './signals.js';

/** What the kernel says of one file descriptor. */
export interface Descriptor {
  number: number;
  /** Where /proc/PID/fd/N leads to. */
  link: string;
  /** /proc/PID/fdinfo/N; empty where it may not be read. */
  info: string;
  /** The kind of file, where it was asked for; undefined where it was not. */
  kind: FileKind | undefined;
}

export type FileKind = 'file' | 'directory' | 'character' | 'block' | 'pipe' | 'socket';

const TYPE_NAMES: Record<FileKind, string> = {
  file: 'File',
  directory: 'Directory',
  character: 'CharacterDevice',
  block: 'BlockDevice',
  pipe: 'Pipe',
  socket: 'Socket',
};

/** Files without a name, by what the kernel calls them; others are `AnonymousInode`. */
const ANONYMOUS: Record<string, string> = {
  eventfd: 'EventFd',
  eventpoll: 'EpollFd',
  timerfd: 'TimerFd',
  signalfd: 'SignalFd',
  inotify: 'INotifyFd',
  fanotify: 'FANotifyFd',
  pidfd: 'PidFd',
  io_uring: 'IoUring',
  userfaultfd: 'UserFaultFd',
  perf_event: 'PerfEvent',
  'bpf-map': 'BpfMap',
  'bpf-prog': 'BpfProgram',
  bpf_link: 'BpfLink',
};

const O_ACCMODE = 3;
const O_WRONLY = 1;
const O_DIRECTORY = 0o200000;
const O_CLOEXEC = 0o2000000;
/** Attribute of a handle that children inherit (winternl.h). */
const OBJ_INHERIT = 0x2;

/** Descriptors in an epoll set, watches of an inotify: so many are named, of the rest the number is told. */
const MAX_NAMED = 1000;

/**
 * File descriptors as handles.
 *
 * @param sockets what is known of sockets, by inode
 */
export function describeDescriptors(
  descriptors: readonly Descriptor[],
  sockets: ReadonlyMap<string, string>,
): TargetHandle[] {
  const pipes = new Map<string, Descriptor[]>();
  for (const descriptor of descriptors) {
    if (!descriptor.link.startsWith('pipe:')) continue;
    const ends = pipes.get(descriptor.link);
    if (ends === undefined) pipes.set(descriptor.link, [descriptor]);
    else ends.push(descriptor);
  }
  return descriptors.map((descriptor) => {
    const flags = openFlags(descriptor.info);
    const inherited = flags !== undefined && (flags & O_CLOEXEC) === 0;
    return {
      handle: BigInt(descriptor.number),
      ...describe(descriptor, sockets, pipes),
      attributes: inherited ? OBJ_INHERIT : 0,
      grantedAccess: flags ?? 0,
      handleCount: 1,
      pointerCount: 1,
    };
  });
}

/** The inode of a socket, from what /proc/PID/fd/N leads to. */
export function socketInode(link: string): string | undefined {
  return /^socket:\[(\d+)\]$/.exec(link)?.[1];
}

/** Id of the mount that the file lies on. */
export function mountId(info: string): number {
  return Number(field(info, 'mnt_id') ?? -1);
}

function openFlags(info: string): number | undefined {
  const flags = field(info, 'flags');
  return flags === undefined ? undefined : Number.parseInt(flags, 8);
}

function describe(
  { link, info, kind, number }: Descriptor,
  sockets: ReadonlyMap<string, string>,
  pipes: ReadonlyMap<string, readonly Descriptor[]>,
): { typeName: string; objectName: string } {
  const inode = socketInode(link);
  if (inode !== undefined) return { typeName: 'Socket', objectName: sockets.get(inode) ?? link };
  if (link.startsWith('pipe:[')) {
    return { typeName: 'Pipe', objectName: pipe(link, number, info, pipes.get(link) ?? []) };
  }
  const anonymous = /^anon_inode:\[?(.*?)\]?$/.exec(link)?.[1];
  if (anonymous !== undefined) {
    const typeName = ANONYMOUS[anonymous];
    return typeName === undefined
      ? { typeName: 'AnonymousInode', objectName: anonymous }
      : { typeName, objectName: DETAILS[typeName]?.(info) ?? '' };
  }
  if (/^pidfd:\[\d+\]$/.test(link)) return { typeName: 'PidFd', objectName: pidfd(info) };
  if (link.startsWith('/memfd:')) return { typeName: 'MemFd', objectName: link.slice('/memfd:'.length) };
  if (/^[a-z_]+:\[\d+\]$/.test(link)) return { typeName: 'Namespace', objectName: link };
  if (link.startsWith('/dmabuf:')) return { typeName: 'DmaBuf', objectName: link.slice('/dmabuf:'.length) };
  if (kind !== undefined) return { typeName: TYPE_NAMES[kind], objectName: link };
  const directory = ((openFlags(info) ?? 0) & O_DIRECTORY) !== 0;
  return { typeName: directory ? 'Directory' : 'File', objectName: link };
}

/** Both ends of a pipe have one inode: which end this is, and which descriptors of the process are the other one. */
function pipe(link: string, number: number, info: string, ends: readonly Descriptor[]): string {
  const mode = (text: string) => (openFlags(text) ?? 0) & O_ACCMODE;
  const own = mode(info);
  const name = own === O_WRONLY ? 'write end' : own === 0 ? 'read end' : 'both ends';
  const others = ends
    .filter((end) => end.number !== number && mode(end.info) !== own)
    .map((end) => end.number);
  const other = others.length === 0 ? '' : `, other end ${some(others.map(String), ' ')}`;
  return `${link} ${name}${other}`;
}

/** What fdinfo has of the files without a name (proc(5)), in words. */
const DETAILS: Record<string, (info: string) => string> = {
  EventFd: (info) => {
    const count = field(info, 'eventfd-count');
    const semaphore = field(info, 'eventfd-semaphore') === '1' ? ', semaphore' : '';
    const id = field(info, 'eventfd-id');
    // The kernel prints the count in hexadecimal.
    return count === undefined
      ? ''
      : `count ${BigInt(`0x${count}`)}${semaphore}${id === undefined ? '' : `, id ${id}`}`;
  },
  EpollFd: (info) => {
    const watched = [...info.matchAll(/^tfd:\s*(\d+) events:\s*([0-9a-f]+)/gm)].map(
      ([, fd, events]) => `${fd} (${epollEvents(Number.parseInt(events!, 16))})`,
    );
    return watched.length === 0 ? 'watches nothing' : `watches ${some(watched, ', ')}`;
  },
  TimerFd: (info) => {
    const clock = Number(field(info, 'clockid'));
    const left = timespec(field(info, 'it_value'));
    const interval = timespec(field(info, 'it_interval'));
    return [
      CLOCKS[clock] ?? `clock ${clock}`,
      left === undefined ? 'not armed' : `expires in ${left} s`,
      ...(interval === undefined ? [] : [`then every ${interval} s`]),
      `ticks ${field(info, 'ticks') ?? 0}`,
    ].join(', ');
  },
  SignalFd: (info) => signalsOf(field(info, 'sigmask') ?? '').join(' '),
  INotifyFd: (info) =>
    some(
      [...info.matchAll(/^inotify wd:([0-9a-f]+) ino:([0-9a-f]+) sdev:([0-9a-f]+) mask:([0-9a-f]+)/gm)].map(
        ([, wd, inode, device, mask]) =>
          `wd ${Number.parseInt(wd!, 16)}: inode ${BigInt(`0x${inode}`)} of device ${kernelDevice(device!)}, mask 0x${mask}`,
      ),
      '; ',
    ),
  PidFd: pidfd,
  IoUring: (info) => {
    const [files, buffers] = [field(info, 'UserFiles'), field(info, 'UserBufs')];
    return files === undefined ? '' : `files ${files}, buffers ${buffers ?? 0}`;
  },
};

/** -1: the process has ended and was waited for; 0: it is in another pid namespace. */
function pidfd(info: string): string {
  const pid = field(info, 'Pid');
  return pid === undefined ? '' : pid === '-1' ? 'a process that has ended' : `process ${pid}`;
}

/** CLOCK_* that a timerfd may have. */
const CLOCKS: Record<number, string> = {
  0: 'CLOCK_REALTIME',
  1: 'CLOCK_MONOTONIC',
  7: 'CLOCK_BOOTTIME',
  8: 'CLOCK_REALTIME_ALARM',
  9: 'CLOCK_BOOTTIME_ALARM',
};

/** EPOLL* of linux/eventpoll.h. EPOLLERR and EPOLLHUP are always watched and not told. */
const EPOLL_EVENTS: readonly (readonly [bit: number, name: string])[] = [
  [0x1, 'IN'],
  [0x2, 'PRI'],
  [0x4, 'OUT'],
  [0x2000, 'RDHUP'],
  [0x10000000, 'EXCLUSIVE'],
  [0x20000000, 'WAKEUP'],
  [0x40000000, 'ONESHOT'],
  [0x80000000, 'ET'],
];

function epollEvents(bits: number): string {
  const names = EPOLL_EVENTS.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
  return names.join('|') || 'no events';
}

/** `(seconds, nanoseconds)` as seconds; undefined for zero, which means none. */
function timespec(text: string | undefined): string | undefined {
  const [, seconds, nanoseconds] = /^\((\d+), (\d+)\)$/.exec(text ?? '') ?? [];
  if (seconds === undefined || (Number(seconds) === 0 && Number(nanoseconds) === 0)) return undefined;
  return `${seconds}.${nanoseconds!.padStart(9, '0')}`;
}

/** dev_t as the kernel keeps it: 12 bits major, 20 bits minor. */
function kernelDevice(hex: string): string {
  const device = Number.parseInt(hex, 16);
  return `${device >>> 20}:${device & 0xfffff}`;
}

function field(info: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(info)?.[1];
}

function some(names: readonly string[], separator: string): string {
  const rest = names.length - MAX_NAMED;
  return rest <= 0
    ? names.join(separator)
    : `${names.slice(0, MAX_NAMED).join(separator)}${separator}${rest} more`;
}
