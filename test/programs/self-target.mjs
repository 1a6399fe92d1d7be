// node self-target.mjs: a program that dumps itself, or another, as it is told by lines of JSON on stdin. It prints READY, and `result=JSON` and END
// for each line. It has a secret in memory that JavaScript never sees, a worker that is busy with a sum that it knows, 20 timers, and a
// connection to itself over which numbers go back and forth.

import { closeSync, createWriteStream, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import * as dbghelp from '../../dist/dbghelp.js';
import { writeMinidump } from '../../dist/index.js';

const koffi = createRequire(import.meta.url)('koffi');
const libc = (declaration) => koffi.load(null).func(declaration);
const self = fileURLToPath(import.meta.url);

const plain = (value) => JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? Number(part) : part));
const said = (error) => ({ code: error.code, message: error.message, advice: error.advice });
const range = ([address, size]) => ({ address: BigInt(address), size });

/** What a callback leaves out and adds, from a description. `asked` counts the questions. */
function callbacksOf({ module, thread, notThread, remove, add, ioWriteAll, loop }, asked) {
  const count = (name, answer) => {
    asked[name] = (asked[name] ?? 0) + 1;
    return answer;
  };
  let fd;
  return {
    ...(module && { module: ({ path }) => count('module', !path.includes(module)) }),
    ...(thread && { thread: ({ id }) => count('thread', id !== thread) }),
    ...(notThread && { includeThread: ({ id }) => count('includeThread', id !== notThread) }),
    ...(remove && { removeMemory: () => count('removeMemory', remove.map(range)) }),
    ...(add && { memory: () => count('memory', add.map(range)) }),
    ...(ioWriteAll && {
      ioWriteAll({ bytes, offset }) {
        fd ??= openSync(ioWriteAll, 'wx', 0o600);
        writeFileSync(fd, bytes);
        return count('ioWriteAll', offset >= 0n);
      },
      ioFinish: () => void closeSync(fd),
    }),
    ...(loop && {
      cancel() {
        for (;;);
      },
    }),
  };
}

async function dump({ pid = process.pid, to, file, options = {}, callbacks, aborted, exception }) {
  const asked = {};
  const progress = [];
  const all = {
    ...options,
    onProgress: ({ written, total }) => progress.push([written, total]),
    ...(callbacks && { callbacks: callbacksOf(callbacks, asked) }),
    ...(aborted && { signal: AbortSignal.abort() }),
    ...(exception && {
      exception: {
        threadId: exception,
        siginfo: new Uint8Array(128).fill(11, 0, 1),
        ucontext: new Uint8Array(1024),
      },
    }),
  };
  let fd;
  try {
    let destination = file;
    if (to === 'descriptor') destination = fd = openSync(file, 'wx', 0o600);
    if (to === 'stream') destination = createWriteStream(file, { mode: 0o600 });
    if (to === 'web') {
      fd = openSync(file, 'wx', 0o600);
      destination = new WritableStream({ write: (bytes) => void writeFileSync(fd, bytes) });
    }
    if (to === 'nowhere') destination = null;
    return { asked, progress, report: await writeMinidump(pid, destination, all) };
  } catch (error) {
    return { asked, error: said(error) };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** MiniDumpWriteDump; `module`: what the callback leaves out. */
function dbghelpDump({ file, type = 0, module }) {
  const { MINIDUMP_CALLBACK_TYPE: Type, MODULE_WRITE_FLAGS } = dbghelp;
  const seen = { pid: 0, handle: false };
  const handle = dbghelp.GetCurrentProcess();
  const routine = (_param, input, output) => {
    if (input.CallbackType === Type.IncludeModuleCallback) return true;
    if (input.CallbackType === Type.IncludeThreadCallback) return true;
    if (input.CallbackType === Type.ThreadCallback) return true;
    if (input.CallbackType !== Type.ModuleCallback) return false;
    seen.pid = input.ProcessId;
    seen.handle = input.ProcessHandle === handle;
    if (input.Module.FullPath.includes(module))
      output.ModuleWriteFlags &= ~MODULE_WRITE_FLAGS.ModuleWriteModule;
    return true;
  };
  const fd = openSync(file, 'wx', 0o600);
  const callback = module && { CallbackRoutine: routine, CallbackParam: null };
  const done = dbghelp.MiniDumpWriteDump(handle, process.pid, fd, type, null, null, callback);
  closeSync(fd);
  return { done, seen, lastError: dbghelp.GetLastError(), message: dbghelp.GetLastMinidumpError()?.message };
}

if (isMainThread) await main();
else work();

/** The worker: adds up numbers, and dumps when it is told to. */
function work() {
  let rounds = 0;
  let wrong = 0;
  const tid = libc('int gettid(void)')();
  const turn = () => {
    let sum = 0;
    for (let i = 1; i <= 100_000; i++) sum += i;
    if (sum !== 5_000_050_000) wrong++;
    rounds++;
    setImmediate(turn);
  };
  turn();
  parentPort.on('message', async (job) => {
    parentPort.postMessage(job === 'state' ? { rounds, wrong, tid } : await dump(job));
  });
}

async function main() {
  const worker = new Worker(self);
  const ask = (job) =>
    new Promise((resolve) => {
      worker.once('message', resolve);
      worker.postMessage(job);
    });

  // Until it runs it opens files.
  await ask('state');

  const size = 16 * 1024;
  const [PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS] = [3, 0x22];
  const mmap = libc('void *mmap(void *at, size_t length, int rights, int flags, int fd, int64_t offset)');
  const secret = mmap(null, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
  libc('int64_t getrandom(void *into, size_t length, unsigned int flags)')(secret, size, 0);

  const ticks = new Array(20).fill(0);
  for (let i = 0; i < 20; i++) setInterval(() => ticks[i]++, 5 + i);

  const echo = { next: 0, wrong: 0 };
  const server = createServer((socket) => socket.on('data', (data) => socket.write(data)));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect(server.address().port, '127.0.0.1');
  client.setEncoding('latin1');
  client.on('data', (text) => {
    if (Number(text) !== echo.next) echo.wrong++;
    client.write(String(++echo.next));
  });
  client.write('0');

  const commands = {
    dump,
    dbghelp: dbghelpDump,
    worker: ask,
    /** Many dumps; gives their errors. */
    async repeat({ times, ...job }) {
      const errors = [];
      for (let i = 0; i < times; i++) {
        const { error } = await dump(job);
        if (error) errors.push(error);
      }
      return { errors };
    },
    /** Many synchronous ones, without a turn of the event loop in between. */
    repeatInOneTurn({ times, file }) {
      let done = 0;
      const fd = openSync(file, 'w', 0o600);
      for (let i = 0; i < times; i++) {
        if (dbghelp.MiniDumpWriteDump(dbghelp.GetCurrentProcess(), process.pid, fd, 0)) done++;
      }
      closeSync(fd);
      return { done, ...own() };
    },
    async state() {
      return {
        ...own(),
        ticks,
        echo,
        worker: await ask('state'),
        address: Number(koffi.address(secret)),
        size,
      };
    },
    secret({ file }) {
      const fd = openSync(file, 'wx', 0o600);
      libc('int64_t write(int fd, void *bytes, size_t length)')(fd, secret, size);
      closeSync(fd);
    },
  };
  createInterface({ input: process.stdin }).on('line', async (line) => {
    if (line === 'quit') process.exit(0);
    const { command, ...rest } = JSON.parse(line);
    const result = await commands[command](rest);
    console.log(`result=${plain(result ?? null)}\nEND`);
  });
  console.log('READY');
}

/** What this process has open, and which children. */
function own() {
  const tasks = readdirSync('/proc/self/task');
  const children = tasks.flatMap((tid) =>
    readFileSync(`/proc/self/task/${tid}/children`, 'latin1').split(' ').filter(Boolean),
  );
  const listeners = process.eventNames().flatMap((name) => process.listeners(name)).length;
  return { descriptors: readdirSync('/proc/self/fd').length, children, listeners, threads: tasks.length };
}
