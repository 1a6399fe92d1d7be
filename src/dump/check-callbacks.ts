import { MinidumpError } from '../io/index.js';
import type { Callbacks } from './callbacks.js';
import type { DumpOptions } from './options.js';

/** Typed by the interface, so that a function added there cannot be forgotten here. */
const FUNCTIONS: Readonly<Record<keyof Callbacks, true>> = {
  includeThread: true,
  includeModule: true,
  module: true,
  thread: true,
  memory: true,
  removeMemory: true,
  includeVmRegion: true,
  cancel: true,
  secondaryFlags: true,
  readMemoryFailure: true,
  ioStart: true,
  ioWriteAll: true,
  ioFinish: true,
  isProcessSnapshot: true,
  vmStart: true,
  vmQuery: true,
  vmPreRead: true,
  vmPostRead: true,
  writeKernelMinidump: true,
  kernelMinidumpStatus: true,
};

/**
 * Refuses what is no `callbacks` object. A misspelt `removememory` would leave in the dump what it was written to keep out.
 * Methods of a class count, too.
 */
export function checkCallbacks(value: unknown): Callbacks {
  if (typeof value !== 'object' || value === null) {
    throw wrong('`callbacks` is not an object of functions');
  }
  const object = value as Record<string, unknown>;
  const names = Object.keys(FUNCTIONS);
  for (const [key, member] of Object.entries(object)) {
    if (typeof member === 'function' && !(key in FUNCTIONS)) {
      throw wrong(`'${key}' is no callback`, `A \`callbacks\` object may have ${names.join(', ')}.`);
    }
  }
  for (const name of names) {
    if (object[name] !== undefined && typeof object[name] !== 'function') {
      throw wrong(`callback '${name}' is not a function`);
    }
  }
  return object as Callbacks;
}

/** Whether anybody is to be asked about a dump. */
export function hasCallback({ callback, callbacks }: Pick<DumpOptions, 'callback' | 'callbacks'>): boolean {
  return callbacks !== undefined || (callback?.CallbackRoutine ?? undefined) !== undefined;
}

/** Whether there is any callback in it. */
export function hasCallbacks(callbacks: Callbacks): boolean {
  return Object.keys(FUNCTIONS).some((name) => callbacks[name as keyof Callbacks] !== undefined);
}

function wrong(message: string, advice?: string): MinidumpError {
  return new MinidumpError('invalid-argument', message, advice === undefined ? {} : { advice });
}
