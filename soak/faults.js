// Part 3: system calls of the command fail, one kind after the other (strace --inject), and the program lives on.
//
// A counting run shows which calls the command makes and when it begins with the program (its first look at /proc/PID): what
// fails before that is Node's own start and loading, where Node may die as it likes. After it a dump must end with an exit code of docs/errors.md
// and one line, or be a whole dump. strace traces the command only: the program is the command's own tracee.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Commands } from './command.js';
import { inspect } from './inspect.js';
import { count } from './tally.js';
import { Target } from './target.js';

/** What each call may fail with. Calls that the command does not make are left out. */
const faults = {
  ptrace: ['EIO', 'EPERM', 'ESRCH', 'EBUSY'],
  waitid: ['ECHILD', 'EINTR', 'EINVAL'],
  wait4: ['ECHILD', 'EINTR'],
  process_vm_readv: ['EFAULT', 'ESRCH', 'EPERM', 'ENOMEM'],
  process_vm_writev: ['EFAULT', 'ESRCH', 'EPERM'],
  openat: ['EACCES', 'EMFILE', 'ENOENT', 'EIO', 'ENOMEM'],
  read: ['EIO', 'EINTR', 'ENOMEM', 'ESRCH'],
  pread64: ['EIO', 'EINTR', 'ESRCH'],
  write: ['ENOSPC', 'EIO', 'EINTR', 'EDQUOT'],
  pwrite64: ['ENOSPC', 'EIO', 'EINTR'],
  pwritev: ['ENOSPC', 'EIO'],
  writev: ['ENOSPC', 'EIO'],
  ftruncate: ['EIO', 'ENOSPC'],
  fallocate: ['ENOSPC', 'EOPNOTSUPP'],
  linkat: ['EIO', 'EPERM', 'ENOSPC', 'EEXIST'],
  link: ['EIO', 'EPERM', 'EEXIST'],
  rename: ['EIO', 'EPERM', 'ENOSPC'],
  renameat2: ['EIO', 'EPERM'],
  unlink: ['EIO', 'EPERM'],
  fstat: ['EIO', 'ENOMEM'],
  newfstatat: ['EACCES', 'EIO'],
  statx: ['EACCES', 'EIO'],
  lstat: ['EACCES', 'EIO'],
  readlink: ['EACCES', 'ENOENT'],
  readlinkat: ['EACCES', 'ENOENT'],
  getdents64: ['EIO', 'ENOENT'],
  fchmod: ['EPERM', 'EIO'],
  lseek: ['EINVAL', 'ESPIPE'],
  ioctl: ['ENOTTY', 'EINVAL', 'EFAULT', 'EPERM'],
  close: ['EIO', 'EINTR'],
  kill: ['EPERM', 'ESRCH'],
  tgkill: ['EPERM', 'ESRCH'],
  prctl: ['EINVAL', 'EPERM'],
  sched_setaffinity: ['EPERM'],
  clone3: ['EAGAIN', 'ENOMEM'],
  clone: ['EAGAIN'],
  mmap: ['ENOMEM'],
  mprotect: ['ENOMEM'],
};
/** Node needs these for itself at any time, and dies without. */
const vital = new Set(['clone3', 'clone', 'mmap', 'mprotect']);
/**
 * What is Node's own also after the command has begun: the code that it loads, its standard files when it ends, and the eventfds
 * and pipes by which its threads wake each other.
 */
const ofNode = /\/(dist|node_modules)\/|\bfstat\([012][<,]|<anon_inode:\[eventfd\]>|\bread\(\d+<pipe:/;

/** The dump is there, what is said of it is not: docs/errors.md. */
const STDOUT_FAILED = 46;

const KINDS = ['normal', 'full', 'data'];
const LIMIT_MS = 60_000;

export async function soakFaults(context) {
  const { mode, faults: total, random, work, root, program, fail, progress } = context;
  const commands = new Commands(root, work);
  const exits = commands.exitCodes();
  const folder = context.folder('faults');
  const log = join(work, 'strace.log');
  const target = await Target.start(program);
  context.targets.add(target);
  const outcomes = {};
  const reached = {};

  const traced = async (kind, calls, injection) => {
    rmSync(log, { force: true });
    const before = [
      'strace',
      '-f',
      '-qq',
      '-y',
      '-s',
      '200',
      '-o',
      log,
      '-e',
      `trace=${[...calls].join()}`,
      '-e',
      'signal=none',
    ];
    if (injection) before.push('-e', injection);
    const command = commands.start(target.pid, join(folder, 'd.dmp'), kind, mode, { before });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      command.kill();
    }, LIMIT_MS);
    const result = await command.ended;
    clearTimeout(timer);
    return {
      ...result,
      late,
      calls: parseLog(existsSync(log) ? readFileSync(log, 'latin1') : '', target.pid),
    };
  };

  try {
    const begun = await traced('full', Object.keys(faults));
    if (begun.status !== 0)
      throw new Error(`a dump under strace that nobody disturbed failed: ${begun.stderr}`);
    rmSync(join(folder, 'd.dmp'));
    const made = countCalls(begun.calls);
    const plans = plan(made, total, random);
    for (const [i, { call, error, nth }] of plans.entries()) {
      if (target.ended) break;
      const kind = KINDS[i % KINDS.length];
      const where = `fault ${i} (${kind}: ${call} ${nth} fails with ${error})`;
      const result = await traced(
        kind,
        new Set([call, 'openat']),
        `inject=${call}:error=${error}:when=${nth}`,
      );
      const hit = result.calls.filter(({ injected }) => injected);
      const node = hit.length > 0 && hit.some(({ begun, text }) => !begun || ofNode.test(text));
      const mayDie = node || vital.has(call);
      const name = judge(result, { exits, hit, mayDie });
      count(outcomes, name.outcome);
      if (hit.length > 0) count(reached, call);
      if (name.fault) fail(`${where}: ${name.fault}`);
      for (const fault of await target.disturbances({ zombies: mode === 'snapshot' }))
        fail(`${where}: ${fault}`);
      const left = readdirSync(folder);
      if (result.status === 0) {
        if (!left.includes('d.dmp')) fail(`${where}: it says that all went well, and there is no dump`);
        else checkDump(join(folder, 'd.dmp'), kind, target, result, (fault) => fail(`${where}: ${fault}`));
      }
      for (const file of left) {
        if (file !== 'd.dmp' && !['unlink', 'rename', 'close'].includes(call))
          fail(`${where}: ${file} is left in the folder`);
        if (file === 'd.dmp' && result.status !== 0 && result.status !== STDOUT_FAILED && !mayDie)
          fail(`${where}: the dump failed, and there is a file`);
        rmSync(join(folder, file));
      }
      if (!target.ended)
        for (const fault of (await target.judge({ eintrs: false })).faults) fail(`${where}: ${fault}`);
      progress(i + 1, plans.length);
    }
    const sums = target.ended ? undefined : (await target.judge({ eintrs: false })).sums;
    return {
      'calls that failed': reached,
      outcomes,
      'wrong results, time limits too early': sums && `${sums.errors}, ${sums.early}`,
      'EINTRs (a call of the tracer that fails may heal none)': sums?.eintrs,
      'zombies until the program ends': target.zombies.size,
    };
  } finally {
    await target.stop();
  }
}

/** How a command ended, and what is wrong with that. */
function judge({ status, signal, stderr, late }, { exits, hit, mayDie }) {
  if (late) return { outcome: 'hangs', fault: `it has not ended after ${LIMIT_MS / 1000} s` };
  if (status === 0)
    return { outcome: hit.length > 0 ? 'a dump all the same' : 'a dump, the call was not made' };
  const lines = stderr.trim().split('\n');
  if (exits.has(status) && lines.length === 1 && lines[0].startsWith('mdmp: '))
    return { outcome: `exit ${status}` };
  // libuv aborts without a word where its threads cannot wake each other, so soon that strace may not see what the call came to.
  if (signal === 'SIGABRT' && stderr === '') return { outcome: 'Node died of it' };
  const died = `exit ${status ?? signal}, ${lines.length} lines: ${lines.slice(0, 3).join(' / ')}`;
  if (mayDie) return { outcome: 'Node died of it' };
  return { outcome: 'a failure of another kind', fault: died };
}

/** A dump without an error is whole, or says what it does not hold. */
function checkDump(file, kind, target, { stdout, stderr }, fail) {
  const said = `${stdout}${stderr}`;
  for (const fault of inspect(file, kind, target)) {
    const told = /warning|could not|unreadable|missing|without registers|did not stop/i.test(said);
    if (!told) fail(`${fault}, and nothing says so`);
  }
}

/** The calls in a log of strace: their names, whether the command had begun with the program, whether they were made to fail. */
function parseLog(log, pid) {
  const begins = new RegExp(`"/proc/${pid}/`);
  const calls = [];
  /** Of a call that another thread came in between: its line so far. */
  const unfinished = new Map();
  let begun = false;
  for (const line of log.split('\n')) {
    const found = /^(\d+) +(?:<\.\.\. )?(\w+)[( ]/.exec(line);
    if (!found) continue;
    const [, thread, call] = found;
    begun ||= begins.test(line);
    if (line.endsWith('<unfinished ...>')) unfinished.set(thread, line);
    const injected = line.includes('(INJECTED)');
    const resumed = line.includes('<... ');
    if (resumed && !injected) continue;
    const text = resumed ? `${unfinished.get(thread)} ${line}` : line;
    calls.push({ thread: Number(thread), call, begun, injected, resumed, text });
  }
  return calls;
}

/** For each call: in which thread it is made how often, and how often before the command begins. */
function countCalls(calls) {
  const made = new Map();
  for (const { thread, call, begun, resumed } of calls) {
    if (!(call in faults) || resumed) continue;
    if (!made.has(call)) made.set(call, new Map());
    const threads = made.get(call);
    const entry = threads.get(thread) ?? { all: 0, before: 0 };
    entry.all++;
    if (!begun) entry.before++;
    threads.set(thread, entry);
  }
  return made;
}

/**
 * Which call fails when: for each kind in turn the first of the command's own, the second, the last, then others by chance. strace
 * counts in each thread for itself and the nth call of each thread fails, so n is taken from those that are before the beginning in none.
 */
function plan(made, total, random) {
  const order = [];
  for (const [call, threads] of made) {
    const counts = [...threads.values()];
    const own = [];
    for (let n = 1; n <= Math.max(...counts.map(({ all }) => all)); n++)
      if (counts.every(({ all, before }) => n > before || n > all)) own.push(n);
    if (own.length > 0) order.push({ call, own, round: 0 });
  }
  const plans = [];
  while (plans.length < total && order.length > 0) {
    for (const entry of order) {
      if (plans.length === total) break;
      const { call, own } = entry;
      const nth = [own[0], own[1], own.at(-1)][entry.round++] ?? random.pick(own);
      plans.push({ call, error: random.pick(faults[call]), nth });
    }
  }
  return plans;
}
