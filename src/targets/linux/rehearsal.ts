import { capture, type DumpOptions } from '../../dump/index.js';
import type { Target, TargetThread } from '../../dump/target.js';
import { runSync } from '../../io/index.js';

/**
 * Takes a dump as it will be taken, but of the running process, without its callback, and throws it away. What runs for the first time
 * is compiled, and files of /proc are read for the first time: that takes some milliseconds, which the process need not wait for.
 *
 * @param threads as they are about now
 */
export function rehearse(target: Target, threads: readonly TargetThread[], options: DumpOptions): void {
  const { type } = options;
  try {
    runSync(capture(running(target, threads), type === undefined ? {} : { type }, { mayWait: false }));
  } catch {
    // It runs, so memory comes and goes. If anything is really wrong, the dump itself will say so.
  }
}

function running(target: Target, threads: readonly TargetThread[]): Target {
  return {
    pid: target.pid,
    handle: target.handle,
    system: target.system,
    frozen: false,
    held: false,
    *hold(include) {
      for (const { id } of threads) include(id);
    },
    release() {},
    checkHeld() {},
    *threads() {
      return threads;
    },
    stackAt: (stackPointer) => target.stackAt(stackPointer),
    modules: () => target.modules(),
    regions: () => target.regions(),
    process: () => target.process(),
    texts: () => target.texts(),
    linkMap: (read) => target.linkMap(read),
    handles: () => target.handles(),
    unloadedModules: () => target.unloadedModules(),
    tokens: () => target.tokens(),
    systemMemory: () => target.systemMemory(),
    vmCounters: () => target.vmCounters(),
    processData: (read) => target.processData(read),
    privateData: () => target.privateData(),
    threadData: (thread) => target.threadData(thread),
    moduleTls: (module, read) => target.moduleTls(module, read),
    exception: (pointers, read) => target.exception(pointers, read),
    probe: (start, end) => target.probe(start, end),
    readMemory: (address, into) => target.readMemory(address, into),
    notes: [],
    shortenedCalls: 0,
    pause: 0,
    [Symbol.dispose]() {},
  };
}
