/*
 * What a callback makes of a dump, tried on a process of whatever system this runs on: node behaviour.mjs PLAN.json RESULT.json. The plan is
 * { pid, threads, leftOut, module, moduleBase, heap, known, folder, options }: all thread ids, the one to leave out, a part of the name and
 * the base of a module to leave out, an address of the heap and the text that stands there. The result has an outcome a case.
 */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BytesSink, MINIDUMP_TYPE, Minidump, MinidumpError, THREAD_WRITE_FLAGS, writeMinidump } from 'mdmp';
import {
  GetLastError,
  HRESULT,
  MiniDumpWriteDump,
  OpenProcess,
  MINIDUMP_CALLBACK_TYPE as Type,
} from 'mdmp/dbghelp';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const { pid, leftOut, folder, options: base } = plan;
const heap = BigInt(plan.heap);
const known = Buffer.from(plan.known, 'latin1');
const moduleBase = BigInt(plan.moduleBase);
const { MiniDumpWithFullMemory: full } = MINIDUMP_TYPE;
const PAGE = 4096n;
const page = { address: heap - (heap % PAGE), size: PAGE };

let count = 0;

/** Dumps the process; gives what came of it. */
async function take(options = {}, to = pid) {
  const file = join(folder, `${++count}.dmp`);
  const report = await writeMinidump(to, file, { ...base, ...options });
  return { report, file, ...look(readFileSync(file)) };
}

function look(bytes) {
  const dump = Minidump.openSync(bytes);
  const threads = (dump.getSync('threads') ?? []).sort((a, b) => a.ThreadId - b.ThreadId);
  const modules = dump.getSync('modules') ?? [];
  const memory = dump.memorySync();
  const holds = (address, wanted) => {
    try {
      return Buffer.from(memory.readSync(address, wanted.length)).equals(wanted);
    } catch (error) {
      if (error instanceof MinidumpError) return false;
      throw error;
    }
  };
  return {
    dump,
    modules,
    memory,
    threads,
    threadIds: threads.map(({ ThreadId }) => ThreadId),
    hasModule: modules.some(
      ({ name, BaseOfImage }) => name.includes(plan.module) && BaseOfImage === moduleBase,
    ),
    hasHeap: holds(heap, known),
  };
}

const all = plan.threads.toSorted((a, b) => a - b);
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
/** How the threads of a dump are those of the process. */
const threadsOf = ({ threadIds }) =>
  same(threadIds, all)
    ? 'all'
    : same(
          threadIds,
          all.filter((id) => id !== leftOut),
        )
      ? 'all but one'
      : threadIds;
/** Whether the report says of a dump what the dump says of itself. */
const agrees = ({ report, threads, modules, memory, file }) => {
  const ranges = memory.ranges();
  const bytes = ranges.reduce((sum, { start, end }) => sum + Number(end - start), 0);
  return same(
    [
      report.threads.written,
      report.modules.written,
      report.memory.bytes,
      report.size,
      report.pid,
      report.file,
    ],
    [threads.length, modules.length, bytes, readFileSync(file).length, pid, file],
  );
};

const cases = {
  async plain() {
    const taken = await take();
    return {
      threads: threadsOf(taken),
      module: taken.hasModule,
      heap: taken.hasHeap,
      stacks: taken.threads.every(({ Stack }) => Stack.Memory.DataSize > 0),
      agrees: agrees(taken),
    };
  },
  async full() {
    const taken = await take({ type: full });
    return { threads: threadsOf(taken), heap: taken.hasHeap, agrees: agrees(taken) };
  },
  async includeThread() {
    const taken = await take({ callbacks: { includeThread: ({ id }) => id !== leftOut } });
    return { threads: threadsOf(taken), excluded: taken.report.threads.excluded };
  },
  async includeModule() {
    const taken = await take({ callbacks: { includeModule: ({ base }) => base !== moduleBase } });
    return { module: taken.hasModule, others: taken.modules.length > 0 };
  },
  async thread() {
    const taken = await take({ callbacks: { thread: ({ id }) => id !== leftOut } });
    return { threads: threadsOf(taken), excluded: taken.report.threads.excluded };
  },
  async module() {
    const taken = await take({ callbacks: { module: ({ path }) => !path.includes(plan.module) } });
    return { module: taken.hasModule, others: taken.modules.length > 0, agrees: agrees(taken) };
  },
  async threadSeen() {
    const seen = [];
    const taken = await take({ callbacks: { thread: (thread) => void seen.push(thread) } });
    return {
      ids: same(
        seen.map(({ id }) => id).toSorted((a, b) => a - b),
        all,
      ),
      contexts: seen.every(({ id, context }) => {
        const thread = taken.threads.find(({ ThreadId }) => ThreadId === id);
        const { Rva, DataSize } = thread.ThreadContext;
        const written = readFileSync(taken.file).subarray(Rva, Rva + DataSize);
        return written.length === context.length && written.equals(context);
      }),
      stacks: seen.every(({ id, stackBase }) =>
        taken.threads.some((one) => one.ThreadId === id && one.Stack.StartOfMemoryRange === stackBase),
      ),
    };
  },
  async withoutStack() {
    const flags = (thread) =>
      thread.id === leftOut ? thread.flags & ~THREAD_WRITE_FLAGS.ThreadWriteStack : thread.flags;
    const taken = await take({ callbacks: { thread: flags } });
    const size = taken.threads.find(({ ThreadId }) => ThreadId === leftOut)?.Stack.Memory.DataSize;
    return { threads: threadsOf(taken), stack: size === undefined ? 'no thread' : size > 0 };
  },
  async withoutContext() {
    const flags = (thread) =>
      thread.id === leftOut ? thread.flags & ~THREAD_WRITE_FLAGS.ThreadWriteContext : thread.flags;
    const taken = await take({ callbacks: { thread: flags } });
    const size = taken.threads.find(({ ThreadId }) => ThreadId === leftOut)?.ThreadContext.DataSize;
    return { threads: threadsOf(taken), context: size === undefined ? 'no thread' : size > 0 };
  },
  async flagsAdded() {
    const taken = await take({
      callbacks: { thread: ({ flags }) => flags | THREAD_WRITE_FLAGS.ThreadWriteThreadInfo },
    });
    return { threads: threadsOf(taken), threadInfo: taken.dump.entry('threadInfo') !== undefined };
  },
  async memory() {
    const taken = await take({ callbacks: { memory: () => [{ address: heap, size: known.length }] } });
    return { heap: taken.hasHeap, warned: taken.report.warnings.some((text) => text.includes('`memory`')) };
  },
  async removeMemory() {
    const taken = await take({ type: full, callbacks: { removeMemory: () => [page] } });
    return { heap: taken.hasHeap, removed: taken.report.removed.length, threads: threadsOf(taken) };
  },
  async removeStack() {
    const before = await take();
    const { StartOfMemoryRange: start, Memory } = before.threads.find(
      ({ ThreadId }) => ThreadId === leftOut,
    ).Stack;
    const taken = await take({
      callbacks: { removeMemory: () => [{ address: start, size: Memory.DataSize }] },
    });
    const found = taken.memory.find(start);
    const bytes = found === undefined ? [] : taken.memory.readSync(start, Memory.DataSize);
    return {
      threads: threadsOf(taken),
      before: Memory.DataSize > 0,
      gone: bytes.every((byte) => byte === 0),
    };
  },
  async includeVmRegion() {
    const taken = await take({
      type: full,
      callbacks: { includeVmRegion: ({ base, size }) => !(base <= heap && heap < base + size) },
    });
    return { heap: taken.hasHeap };
  },
  async vmPostRead() {
    let asked = false;
    const taken = await take({
      type: full,
      callbacks: {
        vmPostRead: ({ address, buffer }) => {
          asked = true;
          const at = Number(heap - address);
          if (at >= 0 && at < buffer.length) buffer.fill(0, at, at + known.length);
        },
      },
    });
    return { asked, heap: taken.hasHeap };
  },
  async cancel() {
    await take({ callbacks: { cancel: () => true } });
  },
  async cancelLater() {
    let modules = 0;
    await take({ callbacks: { module: () => void modules++, cancel: () => modules > 0 } });
  },
  async cancelByRoutine() {
    await take({
      callback: {
        CallbackRoutine: (_, input, output) => {
          if (input.CallbackType === Type.CancelCallback) output.Cancel = true;
          return true;
        },
      },
    });
  },
  async throws() {
    await take({
      callbacks: {
        module: () => {
          throw new RangeError('of the test');
        },
      },
    });
  },
  async promise() {
    await take({ callbacks: { thread: async () => true } });
  },
  async streams() {
    const bytes = Uint8Array.of(7, 6, 5, 4, 3);
    const taken = await take({ comment: 'of the test', userStreams: [{ type: 0x1_2345, bytes }] });
    const entry = taken.dump.entry(0x1_2345);
    return {
      comment: taken.dump.getSync('commentA'),
      bytes: entry && same([...taken.dump.bytesSync(entry)], [...bytes]),
    };
  },
  async ioWriteAll() {
    const pieces = [];
    let end = 0n;
    let finished = 0;
    let ordered = true;
    const report = await writeMinidump(pid, null, {
      ...base,
      callbacks: {
        ioWriteAll: ({ offset, bytes }) => {
          ordered &&= offset === end && finished === 0;
          end += BigInt(bytes.length);
          pieces.push(bytes.slice());
        },
        ioFinish: () => void finished++,
      },
    });
    const taken = look(Buffer.concat(pieces));
    return {
      ordered,
      finished,
      threads: threadsOf(taken),
      byCallback: report.writtenByCallback,
      size: BigInt(report.size) === end,
    };
  },
  async ioByRoutine() {
    let bytes = Buffer.alloc(0);
    const report = await writeMinidump(pid, null, {
      ...base,
      callback: {
        CallbackRoutine: (_, input, output) => {
          if (input.CallbackType === Type.IoStartCallback) output.Status = HRESULT.S_FALSE;
          if (input.CallbackType === Type.IoWriteAllCallback) {
            const end = Number(input.Io.Offset) + input.Io.BufferBytes;
            if (end > bytes.length) bytes = Buffer.concat([bytes, Buffer.alloc(end - bytes.length)]);
            bytes.set(input.Io.Buffer, Number(input.Io.Offset));
            output.Status = HRESULT.S_OK;
          }
          if (input.CallbackType === Type.IoFinishCallback) output.Status = HRESULT.S_OK;
          return true;
        },
      },
    });
    return {
      threads: threadsOf(look(bytes)),
      byCallback: report.writtenByCallback,
      size: report.size === bytes.length,
    };
  },
  async routine() {
    const seen = new Map();
    await take({
      callback: {
        CallbackParam: 'of the test',
        CallbackRoutine: (param, input) => {
          const calls = seen.get(input.CallbackType) ?? [];
          seen.set(input.CallbackType, [...calls, [param, input.ProcessId, input.ProcessHandle]]);
          return true;
        },
      },
    });
    const of = (type) => (seen.get(type) ?? []).every((one) => same(one, ['of the test', pid, pid]));
    return {
      threads: seen.get(Type.ThreadCallback)?.length === all.length && of(Type.ThreadCallback),
      modules: of(Type.ModuleCallback),
    };
  },
  async sink() {
    const sink = new BytesSink();
    const report = await writeMinidump(pid, sink, base);
    return { threads: threadsOf(look(sink.bytes())), size: report.size === sink.bytes().length };
  },
  async nowhere() {
    await writeMinidump(pid, null, base);
  },
  async taken() {
    const file = join(folder, 'taken.dmp');
    writeFileSync(file, 'mine');
    const failed = await writeMinidump(pid, file, base).catch((error) => error);
    return { error: failed.code, left: readFileSync(file, 'utf8') === 'mine' };
  },
  async noProcess() {
    await take({}, 0x3fff_fff0);
  },
  async noType() {
    await take({ type: 0x0800_0000 });
  },
  async foreignException() {
    await take({
      exception:
        process.platform === 'win32'
          ? { threadId: leftOut, siginfo: 1n, ucontext: 1n }
          : { threadId: leftOut, pointers: 1n },
    });
  },
  async pause() {
    await take({
      maxPause: 1,
      callbacks: {
        module: () => {
          const end = performance.now() + 50;
          while (performance.now() < end);
        },
      },
    });
  },
  async itself() {
    const taken = await take({}, process.pid);
    return {
      threads: taken.threads.length > 1,
      program: taken.modules.some(({ name }) => /node/.test(name)),
      pid: taken.report.pid === process.pid,
    };
  },
  async itselfByCallback() {
    let asked = 0;
    const { modules, report } = await take(
      { callbacks: { module: ({ path }) => ++asked > 0 && /node/.test(path) } },
      process.pid,
    );
    return {
      kept: modules.length > 0 && modules.every(({ name }) => /node/.test(name)),
      asked: asked > modules.length,
      excluded: report.modules.excluded > 0,
    };
  },
  /** The Win32-shaped face. */
  async face() {
    const file = join(folder, 'face.dmp');
    const fd = openSync(file, 'wx');
    const done = MiniDumpWriteDump(OpenProcess(pid), pid, fd, 0);
    closeSync(fd);
    return { done, error: GetLastError(), threads: threadsOf(look(readFileSync(file))) };
  },
};

const result = {};
for (const [name, run] of Object.entries(cases)) {
  try {
    result[name] = (await run()) ?? 'done';
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw new Error(`${name}: ${error.stack}`);
    result[name] = { error: error.code, cause: error.cause?.name };
  }
}
writeFileSync(process.argv[3], JSON.stringify(result));
