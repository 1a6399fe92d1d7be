import { constants, existsSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import os from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { TargetModule, TargetThread } from '../../dist/dump/target.js';
import {
  MemoryProtection,
  MemoryState,
  MemoryType,
  MINIDUMP_THREAD_INFO_FLAGS,
  MINIDUMP_TYPE,
  StreamType,
} from '../../dist/format/index.js';
import { runSync, type Task } from '../../dist/io/index.js';
import { cgroupMemory } from '../../dist/linux/cgroup.js';
import { namesFrom } from '../../dist/linux/credentials.js';
import { parseMaps } from '../../dist/linux/maps.js';
import { parseMounts } from '../../dist/linux/mounts.js';
import { describeRegions } from '../../dist/linux/regions.js';
import { parseStat, parseStatus } from '../../dist/linux/stat.js';
import { LinuxProcess } from '../../dist/targets/linux/linux-process.js';
import {
  compile,
  copyAs,
  Program,
  readProcessMemory,
  statusField,
  stopPrograms,
  temporaryFolder,
  threadIds,
  waitUntilStill,
} from '../support/programs.js';
import { run } from '../support/run.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

const needs = ['gcc', needsLinux, needsBuild] as const;
const needsRoot = { missing: process.getuid?.() === 0 ? undefined : 'root' };
const ALL = MINIDUMP_TYPE.MiniDumpValidTypeFlags & ~MINIDUMP_TYPE.MiniDumpWithFullMemory;

afterEach(stopPrograms);

/** Looks at a process with these flags while nothing is stopped. */
function looking<T>(pid: number, type: number, look: (target: LinuxProcess) => T): T {
  const target = new LinuxProcess(pid, { maxPause: 10_000, maxStack: 1 << 20, type, snapshot: 'never' });
  try {
    return look(target);
  } finally {
    target[Symbol.dispose]();
  }
}

/** Looks at a process while it stands still. */
function holding<T>(pid: number, type: number, look: (target: LinuxProcess) => T): T {
  return looking(pid, type, (target) => {
    target.prepare();
    runSync(target.hold(() => true));
    const result = look(target);
    target.release();
    return result;
  });
}

const reader = (target: LinuxProcess) =>
  function* (address: bigint, length: number): Task<Uint8Array> {
    const bytes = new Uint8Array(length);
    return bytes.subarray(0, yield* target.readMemory(address, bytes));
  };

interface Range {
  start: bigint;
  end: bigint;
}
const holds = (ranges: readonly Range[], address: bigint, length: number) =>
  ranges.some(({ start, end }) => start <= address && address + BigInt(length) <= end);

describeWith(needs, 'file descriptors as handles', () => {
  async function start(): Promise<{ program: Program; folder: string }> {
    const folder = realpathSync(temporaryFolder());
    return { program: await Program.start(await compile('handles'), [folder]), folder };
  }

  const handlesOf = (pid: number) =>
    looking(pid, MINIDUMP_TYPE.MiniDumpWithHandleData, (target) => runSync(target.handles()));

  it('tells of each kind what the program itself knows of it', async () => {
    const { program, folder } = await start();
    const byFd = new Map(handlesOf(program.pid).map((handle) => [Number(handle.handle), handle]));
    /** What a value says behind the descriptor. */
    const words = (name: string) => program.values.get(name)!.split(' ').slice(1);
    const told = (name: string) => {
      const { typeName, objectName } = byFd.get(Number(program.values.get(name)!.split(' ')[0]))!;
      return `${typeName}: ${objectName}`;
    };
    const fd = (name: string) => Number.parseInt(program.values.get(name)!, 10);
    const [pipe] = words('pipe_read');

    expect(told('file')).toBe(`File: ${folder}/open file.txt`);
    expect(told('deleted')).toBe(`File: ${folder}/gone (deleted)`);
    expect(told('directory')).toBe(`Directory: ${folder}`);
    expect(told('device')).toBe('CharacterDevice: /dev/zero');
    expect(told('fifo')).toBe(`Pipe: ${folder}/fifo`);
    expect(told('pipe_read')).toBe(`Pipe: pipe:[${pipe}] read end, other end ${fd('pipe_write')}`);
    expect(told('pipe_write')).toBe(`Pipe: pipe:[${pipe}] write end, other end ${fd('pipe_read')}`);
    expect(told('tcp_listener')).toBe(`Socket: tcp ${words('tcp_listener')} LISTEN`);
    for (const name of ['tcp_client', 'tcp_server'])
      expect(told(name)).toBe(`Socket: tcp ${words(name).join(' -> ')} ESTABLISHED`);
    expect(told('udp')).toBe(`Socket: udp ${words('udp')}`);
    expect(told('udp_connected')).toBe(`Socket: udp ${words('udp_connected').join(' -> ')} ESTABLISHED`);
    if (program.values.has('tcp6_listener'))
      expect(told('tcp6_listener')).toBe(`Socket: tcp6 ${words('tcp6_listener')} LISTEN`);
    expect(told('unix_pair')).toBe('Socket: unix seqpacket CONNECTED');
    expect(told('unix_named')).toBe('Socket: unix stream the socket LISTEN');
    expect(told('unix_abstract')).toBe(`Socket: unix dgram @mdmp-test-${program.pid} UNCONNECTED`);
    expect(told('netlink')).toBe(`Socket: netlink ROUTE port ${words('netlink')} groups 0x1`);
    if (program.values.has('packet'))
      expect(told('packet')).toBe('Socket: packet dgram protocol 0x0806 interface 0');
    // The kernel tells the protocol, ICMP, in place of the port.
    if (program.values.has('raw')) expect(told('raw')).toBe('Socket: raw 0.0.0.0:1');
    if (program.values.has('io_uring')) expect(told('io_uring')).toMatch(/^IoUring: /);
    expect(told('eventfd')).toMatch(/^EventFd: count 500, semaphore(, id \d+)?$/);
    expect(told('epoll').slice('EpollFd: watches '.length).split(', ').sort()).toEqual(
      [`${fd('eventfd')} (IN|ET)`, `${fd('pipe_read')} (IN|RDHUP|ONESHOT)`].sort(),
    );
    expect(told('timer')).toMatch(
      /^TimerFd: CLOCK_MONOTONIC, expires in (100000\.0|99\d\d\d\.)\d+ s, then every 2\.500000000 s, ticks 0$/,
    );
    expect(told('timer_idle')).toBe('TimerFd: CLOCK_REALTIME, not armed, ticks 0');
    expect(told('signalfd')).toBe('SignalFd: SIGUSR1 SIGTERM SIGRT8');
    const [watch, inode] = words('inotify');
    expect(told('inotify')).toMatch(
      new RegExp(`^INotifyFd: wd ${watch}: inode ${inode} of device \\d+:\\d+, mask 0x100$`),
    );
    expect(told('memfd')).toBe('MemFd: a memory (deleted)');
    expect(told('pidfd')).toBe(`PidFd: process ${words('pidfd')}`);
    expect(told('namespace')).toMatch(/^Namespace: uts:\[\d+\]$/);
  });

  it('tells the open flags, and which descriptors children inherit', async () => {
    const { program } = await start();
    const handles = handlesOf(program.pid);
    const of = (name: string) =>
      handles.find(({ handle }) => Number(handle) === Number(program.values.get(name)))!;
    const { O_RDWR, O_APPEND, O_WRONLY } = constants;
    expect(of('file').grantedAccess & (3 | O_APPEND)).toBe(O_RDWR | O_APPEND);
    expect(of('device').grantedAccess & (3 | O_APPEND)).toBe(O_WRONLY);
    // OBJ_INHERIT, unless O_CLOEXEC.
    expect([of('file').attributes, of('device').attributes]).toEqual([0, 2]);
    expect(handles.map(({ handle }) => Number(handle))).toEqual(
      [...handles.map(({ handle }) => Number(handle))].sort((a, b) => a - b),
    );
  });

  it('tells of each of 10,000 descriptors', async () => {
    const { program } = await start();
    const before = handlesOf(program.pid).length;
    await program.command('many 10000');
    const handles = handlesOf(program.pid);
    expect(handles).toHaveLength(before + 10_000);
    expect(new Set(handles.map(({ handle }) => handle)).size).toBe(handles.length);
  });

  it('reads nothing that was not asked for', async () => {
    const { program } = await start();
    const type = ALL & ~MINIDUMP_TYPE.MiniDumpWithHandleData & ~MINIDUMP_TYPE.MiniDumpWithTokenInformation;
    const [handles, tokens] = looking(program.pid, type, (target) => [
      runSync(target.handles()),
      runSync(target.tokens()),
    ]);
    expect([handles, tokens]).toEqual([[], []]);
  });
});

const needsFuse = { missing: existsSync('/dev/fuse') ? undefined : '/dev/fuse' };

describeWith([...needs, needsRoot, needsFuse], 'descriptors on a file system that does not answer', () => {
  it('are told without a look at the file', async () => {
    const folder = realpathSync(temporaryFolder());
    const program = await Program.start(await compile('hung-mount'), [folder]);
    // In a process of its own: one that waits for this file system can only be killed.
    const script = `
      import { runSync } from '${join(root, 'dist', 'io', 'index.js')}';
      import { LinuxProcess } from '${join(root, 'dist', 'targets', 'linux', 'linux-process.js')}';
      const target = new LinuxProcess(${program.pid}, { maxPause: 1000, maxStack: 4096, type: ${ALL}, snapshot: 'never' });
      for (const { handle, typeName, objectName } of runSync(target.handles())) console.log(handle + ' ' + typeName + ' ' + objectName);
      target[Symbol.dispose]();`;
    const result = await run(process.execPath, ['--input-type=module', '-e', script], { timeoutMs: 20_000 });
    expect(result.timedOut).toBe(false);
    const lines = result.stdout.toString().split('\n');
    expect(lines).toContain(`${program.values.get('plain')} File ${folder}`);
    expect(lines).toContain(`${program.values.get('directory')} Directory ${folder}`);
  });
});

describeWith(needs, 'images whose file is gone', () => {
  it('are told as unloaded modules, and nothing else is', async () => {
    const folder = realpathSync(temporaryFolder());
    const program = await Program.start(await compile('deleted'), [folder]);
    const found = looking(program.pid, ALL, (target) => runSync(target.unloadedModules()));
    const expected = ['whole', 'code'].map((name) => {
      const { address, length } = program.range(name);
      return { base: address, size: length, checkSum: 0, timeDateStamp: 0, path: join(folder, `${name}.so`) };
    });
    expect([...found].sort((a, b) => a.path.localeCompare(b.path))).toEqual(
      expected.sort((a, b) => a.path.localeCompare(b.path)),
    );
  });

  it('a program that was replaced while it runs is a module and an unloaded one', async () => {
    const path = copyAs(await compile('target'), 'replaced');
    const program = await Program.start(path);
    rmSync(path);
    const [modules, unloaded] = looking(program.pid, ALL, (target) => [
      runSync(target.modules()),
      runSync(target.unloadedModules()),
    ]);
    expect(modules[0]!.path).toBe(`${realpathSync(dirname(path))}/replaced`);
    expect(unloaded.map(({ base, path }) => ({ base, path }))).toEqual([
      { base: modules[0]!.base, path: modules[0]!.path },
    ]);
  });
});

describeWith([...needs, needsRoot], 'credentials as tokens', () => {
  const tokensOf = (pid: number) =>
    looking(pid, MINIDUMP_TYPE.MiniDumpWithTokenInformation, (target) => runSync(target.tokens())).map(
      ({ id, data }) => ({ id, text: new TextDecoder().decode(data) }),
    );

  it('one for the process and one for a thread that has other credentials', async () => {
    const program = await Program.start(await compile('credentials'));
    const thread = Number(program.values.get('thread'));
    expect(threadIds(program.pid)).toHaveLength(3);
    const tokens = tokensOf(program.pid);
    expect(tokens.map(({ id }) => id)).toEqual([program.pid, thread]);
    const [own, other] = tokens.map(({ text }) => parseStatus(text));

    expect(own!.get('CapEffNames')).toBe('cap_net_bind_service,cap_sys_ptrace,cap_checkpoint_restore');
    expect(own!.get('User')).toBe('root\troot\troot\troot');
    expect(own!.get('Groups')).toBe('1 54321');
    expect(own!.get('GroupNames')).toBe(
      `${/^([^:]+):[^:]*:1:/m.exec(readFileSync('/etc/group', 'utf8'))![1]} 54321`,
    );
    expect(other!.get('Uid')).toBe('65534\t65534\t65534\t65534');
    expect(other!.get('User')).toBe('nobody\tnobody\tnobody\tnobody');
    expect(other!.get('CapEffNames')).toBe('');
    expect(other!.get('NoNewPrivs')).toBe('1');
  });

  it('has the lines of status as they are, in the order that is documented', async () => {
    const program = await Program.start(await compile('credentials'));
    const { text } = tokensOf(program.pid)[0]!;
    const status = parseStatus(readFileSync(`/proc/${program.pid}/status`, 'utf8'));
    const token = parseStatus(text);
    for (const name of [
      'Uid',
      'Gid',
      'Groups',
      'NSpid',
      'CapInh',
      'CapPrm',
      'CapEff',
      'CapBnd',
      'CapAmb',
      'Seccomp',
    ])
      expect(token.get(name), name).toBe(status.get(name));
    const names = text.split('\n').map((line) => line.split(':')[0]!);
    const documented =
      'Uid Gid Groups NStgid NSpid CapInh CapPrm CapEff CapEffNames CapBnd CapAmb NoNewPrivs Seccomp Seccomp_filters Speculation_Store_Bypass SpeculationIndirectBranch User Group GroupNames Namespace Label Cgroup LoginUid OomScoreAdj'.split(
        ' ',
      );
    const places = names
      .slice(0, -1)
      .map((name) => documented.indexOf(name.replace(/^Namespace-.*/, 'Namespace')));
    expect(places.every((place) => place >= 0)).toBe(true);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(names.at(-1)).toBe('');
    expect(token.get('Namespace-mnt')).toMatch(/^mnt:\[\d+\]$/);
  });

  it('names of a user namespace are those inside it', () => {
    const names = namesFrom(
      'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\nbad name:x:5:5::/:\n',
      '0 100000 65536\n',
    );
    expect([100_000, 101_000, 100_005, 0].map(names)).toEqual(['root', 'app', undefined, undefined]);
  });
});

describeWith(needs, 'memory of the machine and of the process', () => {
  it('is what /proc says of the machine', async () => {
    const program = await Program.start(await compile('target'));
    const info = (await looking(program.pid, 0, (target) => runSync(target.systemMemory())))!;
    const pages = (key: string) =>
      BigInt(new RegExp(`^${key}: +(\\d+) kB`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'))![1]!) / 4n;
    const configured = async (name: string) => Number((await run('getconf', [name])).stdout.toString());
    expect(info.BasicInfo).toMatchObject({
      PageSize: await configured('PAGESIZE'),
      NumberOfPhysicalPages: Number(BigInt(os.totalmem()) / 4096n),
      NumberOfProcessors: await configured('_NPROCESSORS_ONLN'),
    });
    expect(info.BasicPerfInfo!.CommitLimit).toBe(pages('CommitLimit'));
    // These change all the time: within a half of what they are now.
    for (const [told, now] of [
      [info.BasicPerfInfo!.AvailablePages!, pages('MemAvailable')],
      [info.BasicPerfInfo!.CommittedPages!, pages('Committed_AS')],
    ] as const) {
      expect(told > now / 2n && told < now * 2n).toBe(true);
    }
    const stat = readFileSync('/proc/stat', 'utf8');
    const switches = Number(/^ctxt (\d+)/m.exec(stat)![1]);
    expect(info.PerfInfo!.ContextSwitches).toBeGreaterThan(0);
    expect(info.PerfInfo!.ContextSwitches! % 2 ** 32).toBeLessThanOrEqual(switches);
  });

  it('is what /proc says of a process that stands still', async () => {
    const program = await Program.start(await compile('target'));
    await waitUntilStill(program.pid);
    const counters = looking(program.pid, 0, (target) => runSync(target.vmCounters()))!;
    const bytes = (name: string) => BigInt(Number.parseInt(statusField(program.pid, name), 10)) * 1024n;
    const used = bytes('RssAnon') + bytes('VmSwap');
    expect(counters).toMatchObject({
      Revision: 2,
      PeakVirtualSize: bytes('VmPeak'),
      VirtualSize: bytes('VmSize'),
      PeakWorkingSetSize: bytes('VmHWM'),
      WorkingSetSize: bytes('VmRSS'),
      PrivateWorkingSetSize: bytes('RssAnon'),
      PrivateUsage: used,
      PagefileUsage: used,
    });
    const fields = readFileSync(`/proc/${program.pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
    expect(counters.PageFaultCount).toBe(Number(fields[7]) + Number(fields[9]));
  });
});

describe('the memory of a cgroup', () => {
  const files = (texts: Record<string, string>) => (path: string) => texts[path];

  it('of version 2: the lowest limit on the way up, none for `max`', () => {
    const mounts = parseMounts('31 23 0:28 /outer /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n');
    const read = files({
      '/sys/fs/cgroup/app/worker/memory.current': '5000\n',
      '/sys/fs/cgroup/app/worker/memory.peak': '9000\n',
      '/sys/fs/cgroup/app/worker/memory.max': 'max\n',
      '/sys/fs/cgroup/app/worker/memory.swap.max': '0\n',
      '/sys/fs/cgroup/app/worker/memory.stat': 'anon 1\nshmem 70\nfile 3\n',
      '/sys/fs/cgroup/app/memory.max': '20000\n',
      '/sys/fs/cgroup/app/memory.swap.max': '1000\n',
      '/sys/fs/cgroup/memory.max': '30000\n',
    });
    expect(cgroupMemory('0::/outer/app/worker\n', mounts, read)).toEqual({
      current: 5000n,
      peak: 9000n,
      shared: 70n,
      limit: 20_000n,
      totalLimit: 21_000n,
    });
    // Not below what is mounted here, or outside of it.
    expect(cgroupMemory('0::/elsewhere/app\n', mounts, read)).toBeUndefined();
    expect(cgroupMemory('0::/outer/../app/worker\n', mounts, read)).toBeUndefined();
    expect(cgroupMemory('0::/outer\n', mounts, read)).toBeUndefined();
  });

  it('of version 1, beside an empty version 2', () => {
    const mounts = parseMounts(
      '41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n35 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory\n',
    );
    const read = files({
      '/cg/memory/a/memory.usage_in_bytes': '5000\n',
      '/cg/memory/a/memory.limit_in_bytes': '9223372036854771712\n',
      '/cg/memory/a/memory.memsw.limit_in_bytes': '123456\n',
    });
    expect(cgroupMemory('4:memory:/a\n0::/\n', mounts, read)).toEqual({
      current: 5000n,
      peak: undefined,
      shared: undefined,
      limit: undefined,
      totalLimit: 123_456n,
    });
  });
});

/** What tls.c says of a thread. */
function threadOf(program: Program, name: string) {
  const [tid, block, start, inProgram, inBss, inLibrary] = program.values.get(name)!.split(' ');
  const address = (text: string | undefined) => (text === '(nil)' ? 0n : BigInt(text!));
  return {
    tid: Number(tid),
    block: address(block),
    start: address(start),
    inProgram: address(inProgram),
    inBss: address(inBss),
    inLibrary: address(inLibrary),
  };
}

async function startThreads(env?: Record<string, string>): Promise<{ program: Program; library: string }> {
  const library = copyAs(await compile('tls', ['-shared', '-fPIC', '-DLIBRARY']), 'libtls.so');
  return {
    program: await Program.start(await compile('tls'), [library, 'an argument'], env ? { env } : {}),
    library,
  };
}

const infosOf = (pid: number) =>
  holding(pid, MINIDUMP_TYPE.MiniDumpWithThreadInfo, (target) => runSync(target.threads()));

describeWith([...needs, needsRoot], 'threads in a pid namespace of their own', () => {
  it('tell the function they began with', async () => {
    // The library knows the ids inside; unshare stays outside as the parent.
    const inside = await Program.start('unshare', ['--pid', '--fork', await compile('tls')]);
    const child = Number(readFileSync(`/proc/${inside.pid}/task/${inside.pid}/children`, 'utf8').trim());
    try {
      expect(threadOf(inside, 'main').tid).toBe(1);
      const starts = infosOf(child).map(({ info }) => info!.startAddress);
      const { start } = threadOf(inside, 'first');
      expect(starts.filter((address) => address === start)).toHaveLength(3);
    } finally {
      process.kill(child, 'SIGKILL');
    }
  });
});

describeWith(needs, 'threads', () => {
  const infoOf = (threads: readonly TargetThread[], tid: number) =>
    threads.find(({ id }) => id === tid)!.info!;

  it('tell the function they began with, where the C library keeps it', async () => {
    const { program } = await startThreads();
    const threads = infosOf(program.pid);
    for (const name of ['first', 'untouched', 'busy']) {
      const { tid, start } = threadOf(program, name);
      expect(infoOf(threads, tid).startAddress, name).toBe(start);
    }
    expect(infoOf(threads, program.pid).startAddress).toBe(BigInt(program.values.get('entry')!));
    // A thread that was made without the library has no thread block of its own.
    expect(infoOf(threads, Number(program.values.get('bare'))).startAddress).toBe(0n);
  });

  it('of a static program tell none but the main one’s', async () => {
    const program = await Program.start(await compile('tls', ['-static', '-DSTATIC']));
    const threads = infosOf(program.pid);
    expect(infoOf(threads, program.pid).startAddress).toBe(BigInt(program.values.get('entry')!));
    expect(infoOf(threads, threadOf(program, 'first').tid).startAddress).toBe(0n);
  });

  it('tell when they began, what they used, and where they may run', async () => {
    const { program } = await startThreads();
    const threads = infosOf(program.pid);
    const main = infoOf(threads, program.pid);
    const busy = infoOf(threads, threadOf(program, 'busy').tid);
    const seconds = (time: bigint) => Number(time / 10_000_000n) - 11_644_473_600;
    // The kernel tells the start of the machine in whole seconds.
    expect(Math.abs(seconds(main.createTime) - Number(program.values.get('started')))).toBeLessThanOrEqual(2);
    expect(busy.createTime >= main.createTime).toBe(true);
    const fields = readFileSync(`/proc/${program.pid}/task/${threadOf(program, 'busy').tid}/stat`, 'latin1')
      .split(') ')[1]!
      .split(' ');
    expect([busy.userTime, busy.kernelTime]).toEqual([
      BigInt(fields[11]!) * 100_000n,
      BigInt(fields[12]!) * 100_000n,
    ]);
    expect(busy.userTime + busy.kernelTime).toBeGreaterThanOrEqual(2_500_000n);
    expect(busy.affinity).toBe(1n);
    expect(main.affinity).toBe(
      BigInt(`0x${statusField(program.pid, 'Cpus_allowed').replaceAll(',', '')}`) & ((1n << 64n) - 1n),
    );
    expect([main.exitStatus, main.exitTime, main.error]).toEqual([0x103, 0n, 0]);
    expect(main.flags & MINIDUMP_THREAD_INFO_FLAGS.MINIDUMP_THREAD_INFO_INVALID_CONTEXT).toBe(0);
  });

  it('have no such information unless it was asked for', async () => {
    const { program } = await startThreads();
    const threads = holding(program.pid, 0, (target) => runSync(target.threads()));
    expect(threads.map(({ info }) => info)).toEqual(threads.map(() => undefined));
  });
});

describeWith(needs, 'memory that describes a process and its threads', () => {
  const WITH_DATA = MINIDUMP_TYPE.MiniDumpWithProcessThreadData;

  /** The ranges of thread-local variables, by the name of the module. */
  const localsOf = (pid: number) =>
    holding(pid, WITH_DATA, (target) => {
      const found = new Map<string, readonly Range[]>();
      for (const module of runSync(target.modules()) as readonly TargetModule[]) {
        const ranges = runSync(target.moduleTls(module, reader(target)));
        if (ranges.length > 0) found.set(module.path.split('/').at(-1)!, ranges);
      }
      return found;
    });

  it('thread-local variables of the program and of a library that was loaded later', async () => {
    const { program, library } = await startThreads();
    const locals = localsOf(program.pid);
    const own = [...locals].find(([name]) => name.startsWith('tls-'))![1];
    const later = locals.get('libtls.so')!;
    for (const name of ['main', 'first', 'untouched', 'busy']) {
      const { tid, inProgram, inBss, inLibrary } = threadOf(program, name);
      expect(holds(own, inProgram, 200) && holds(own, inBss, 8), name).toBe(true);
      expect(readProcessMemory(program.pid, inBss, 8).readBigUInt64LE()).toBe(BigInt(tid) * 1_000_003n);
      if (name === 'untouched') {
        expect(inLibrary).toBe(0n);
        continue;
      }
      expect(holds(later, inLibrary, 100), name).toBe(true);
      expect([...readProcessMemory(program.pid, inLibrary, 100)]).toEqual(Array(100).fill((tid + 7) & 0xff));
    }
    // One block for each thread that has one: the thread without a block borrows that of the main one.
    expect(new Set(later.map(({ start }) => start)).size, library).toBe(3);
    expect(new Set(own.map(({ start }) => start)).size).toBe(4);
  });

  it.each([['-static'], ['-static-pie']])('thread-local variables of a static program (%s)', async (flag) => {
    const program = await Program.start(await compile('tls', [flag, '-DSTATIC']));
    const locals = localsOf(program.pid);
    expect(locals.size).toBe(1);
    const [own] = locals.values();
    for (const name of ['main', 'first', 'untouched', 'busy']) {
      const { inProgram, inBss } = threadOf(program, name);
      expect(holds(own!, inProgram, 200) && holds(own!, inBss, 8), name).toBe(true);
    }
  });

  it('thread blocks, and the tables in which they find their variables', async () => {
    const { program } = await startThreads();
    const ranges = holding(
      program.pid,
      WITH_DATA,
      (target) =>
        new Map(
          (runSync(target.threads()) as readonly TargetThread[]).map((thread) => [
            thread.id,
            runSync(target.threadData(thread)),
          ]),
        ),
    );
    for (const name of ['main', 'first', 'busy']) {
      const { tid, block, inLibrary } = threadOf(program, name);
      const own = ranges.get(tid)!;
      expect(own[0]!.start).toBe(block);
      expect(own[0]!.end - own[0]!.start).toBeGreaterThan(0x300n);
      const table = own[1]!;
      const bytes = readProcessMemory(program.pid, table.start, Number(table.end - table.start));
      const entries = new BigUint64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
      expect(
        [...entries].some((entry) => entry <= inLibrary && inLibrary - entry < 100n),
        name,
      ).toBe(true);
    }
  });

  it('arguments, environment, auxiliary vector, and the list of the dynamic linker', async () => {
    const { program, library } = await startThreads({ MDMP_TEST_FACT: 'in the environment' });
    const { pid } = program;
    const ranges = holding(pid, WITH_DATA, (target) => runSync(target.processData(reader(target))));
    const pointers = program.range('arguments').address;
    expect(holds(ranges, pointers, 8 * 4)).toBe(true);
    expect(holds(ranges, BigInt(program.values.get('random')!), 16)).toBe(true);
    expect(holds(ranges, BigInt(program.values.get('debug')!), 40)).toBe(true);
    const all = ranges.map(({ start, end }) => readProcessMemory(pid, start, Number(end - start)));
    for (const text of ['MDMP_TEST_FACT=in the environment', 'an argument'])
      expect(
        all.some((bytes) => bytes.includes(text)),
        text,
      ).toBe(true);
    const maps = [...program.values].filter(([name]) => name.startsWith('map0x'));
    expect(maps.length).toBeGreaterThan(2);
    for (const [name] of maps) expect(holds(ranges, BigInt(name.slice(3)), 40)).toBe(true);
    expect(all.some((bytes) => bytes.includes(`${library}\0`))).toBe(true);
    const auxv = readFileSync(`/proc/${pid}/auxv`);
    expect(all.some((bytes) => bytes.includes(auxv))).toBe(true);
  });
});

describeWith(needs, 'regions', () => {
  it('that never held anything are reserved, those that did are memory', async () => {
    const program = await Program.start(await compile('kinds'));
    const regions = looking(program.pid, ALL, (target) => runSync(target.regions()));
    const stateAt = (name: string) => {
      const { address } = program.range(name);
      return regions.find(({ start, end }) => start <= address && address < end)!.state;
    };
    expect(stateAt('no-access-empty')).toBe(MemoryState.MEM_RESERVE);
    expect(stateAt('no-access-with-data')).toBe(MemoryState.MEM_COMMIT);
    expect(stateAt('untouched')).toBe(MemoryState.MEM_COMMIT);
  });

  it('a terabyte that is only reserved', async () => {
    const { program } = await startThreads();
    const regions = holding(program.pid, ALL, (target) => runSync(target.regions()));
    const { address } = program.range('huge');
    expect(regions.find(({ start, end }) => start <= address && address < end)!.state).toBe(
      MemoryState.MEM_RESERVE,
    );
  });

  it('of a file without code are one allocation only where they touch', () => {
    const line = (start: string, end: string, rights: string, offset: string, inode: number, path: string) =>
      `${start}-${end} ${rights} ${offset} fe:00 ${inode} ${path}`;
    const maps = [
      // Two views of a data file, the second in two parts; an image with a page left free, and a second copy of it.
      line('10000', '12000', 'rw-s', '00000', 7, '/data'),
      line('13000', '14000', 'rw-s', '05000', 7, '/data'),
      line('14000', '15000', 'r--s', '06000', 7, '/data'),
      line('20000', '21000', 'r--p', '00000', 8, '/image'),
      line('22000', '23000', 'r-xp', '01000', 8, '/image'),
      line('30000', '31000', 'r--p', '00000', 8, '/image'),
      line('32000', '33000', 'r-xp', '01000', 8, '/image'),
      line('40000', '41000', '---p', '00000', 0, ''),
    ].join('\n');
    const regions = describeRegions(parseMaps(maps), () => true);
    expect(regions.map(({ allocationBase }) => Number(allocationBase).toString(16))).toEqual([
      '10000',
      '13000',
      '13000',
      '20000',
      '20000',
      '30000',
      '30000',
      '40000',
    ]);
    expect(regions.map(({ type }) => type)).toEqual([
      ...Array(3).fill(MemoryType.MEM_MAPPED),
      ...Array(4).fill(MemoryType.MEM_IMAGE),
      MemoryType.MEM_PRIVATE,
    ]);
    const { PAGE_READWRITE, PAGE_READONLY, PAGE_NOACCESS } = MemoryProtection;
    expect([2, 4, 7].map((i) => regions[i]!.allocationProtection)).toEqual([
      PAGE_READWRITE,
      PAGE_READONLY,
      PAGE_NOACCESS,
    ]);
    expect([regions[7]!.state, regions[7]!.protection]).toEqual([MemoryState.MEM_RESERVE, 0]);
  });

  it('of one image are one allocation, which begins where the module does', async () => {
    const { program } = await startThreads();
    const [regions, modules] = looking(program.pid, ALL, (target) => [
      runSync(target.regions()),
      runSync(target.modules()),
    ]);
    const libc = modules.find(({ path }) => /\/libc[.-]/.test(path))!;
    const parts = regions.filter(({ name }) => name === libc.path);
    expect(parts.length).toBeGreaterThan(3);
    for (const part of parts) {
      expect(part.allocationBase).toBe(libc.base);
      expect(part.allocationProtection).toBe(parts[0]!.protection);
      expect(part.type).toBe(parts[0]!.type);
    }
  });
});

describeWith(needs, 'texts and the machine', () => {
  it('/proc/PID/stat tells where arguments and environment are', async () => {
    const program = await Program.start(await compile('target'));
    const texts = looking(program.pid, 0, (target) => runSync(target.texts()));
    const bytes = texts.find(({ type }) => type === StreamType.LinuxProcStat)!.bytes;
    const { argStart, argEnd, name } = parseStat(new TextDecoder().decode(bytes));
    expect(name).toMatch(/^target-/);
    const size = Number(argEnd - argStart);
    expect(readProcessMemory(program.pid, argStart, size)).toEqual(
      readFileSync(`/proc/${program.pid}/cmdline`),
    );
  });

  it.each([
    ['Europe/Berlin', -60, -60, 'Central European Standard Time', 'Central European Summer Time'],
    ['America/New_York', 300, -60, 'Eastern Standard Time', 'Eastern Daylight Time'],
    ['Australia/Sydney', -600, -60, 'Australian Eastern Standard Time', 'Australian Eastern Daylight Time'],
    ['Asia/Kolkata', -330, 0, 'India Standard Time', 'India Standard Time'],
  ])('time zone %s', async (zone, bias, daylightBias, standardName, daylightName) => {
    const script = `
      import { processFacts } from '${join(root, 'dist', 'targets', 'linux', 'facts.js')}';
      const stat = { startTime: 0, userTime: 0, kernelTime: 0 };
      console.log(JSON.stringify(processFacts(stat, 0, '').timeZone));`;
    const result = await run(process.execPath, ['--input-type=module', '-e', script], { env: { TZ: zone } });
    const told = JSON.parse(result.stdout.toString());
    expect(told).toMatchObject({ bias, daylightBias, standardName, daylightName });
    // What `date` says of now: hours and minutes east of Greenwich.
    const [, sign, hours, minutes] = /([+-])(\d\d)(\d\d)/.exec(
      (await run('date', ['+%z'], { env: { TZ: zone } })).stdout.toString(),
    )!;
    const now = -(Number(hours) * 60 + Number(minutes)) * (sign === '+' ? 1 : -1);
    expect(now).toBe(told.id === 2 ? bias + daylightBias : bias);
  });

  it('processor and kernel are those of the machine', async () => {
    const program = await Program.start(await compile('target'));
    const told = looking(program.pid, 0, (target) => runSync(target.process()));
    expect(told.buildString).toBe((await run('uname', ['-rv'])).stdout.toString().trim());
    const mhz = /^cpu MHz\s*: ([\d.]+)/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
    if (mhz === undefined) expect(told.power).toBeUndefined();
    else expect(told.power!.maxMhz).toBeGreaterThanOrEqual(Math.floor(Number(mhz) / 2));
  });
});
