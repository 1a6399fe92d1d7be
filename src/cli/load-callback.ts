import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Callbacks, MINIDUMP_CALLBACK_INFORMATION, MINIDUMP_CALLBACK_ROUTINE } from '../dump/index.js';
import { MinidumpError } from '../io/index.js';
import { wrong } from './arguments.js';

/** What a callback module decided to be: one of the two faces of the protocol. */
export type LoadedCallback = { callback: MINIDUMP_CALLBACK_INFORMATION } | { callbacks: Callbacks };

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

const EXPECTED =
  'It must export a callback routine (default, CallbackRoutine or MiniDumpCallbackRoutine) or a `callbacks` object; see docs/callback.md.';

/** Loads a callback module, as ProcDump loads a DLL that exports MiniDumpCallbackRoutine. */
export async function loadCallback(file: string): Promise<LoadedCallback> {
  let exported: Record<string, unknown>;
  try {
    exported = await import(pathToFileURL(resolve(file)).href);
  } catch (cause) {
    const message = `the callback module ${file} does not load: ${cause instanceof Error ? cause.message : cause}`;
    throw new MinidumpError('callback-failed', message.split('\n')[0]!, { cause });
  }
  const source = isObject(exported.default) && hasNames(exported.default) ? exported.default : exported;
  const routines = [source.CallbackRoutine, source.MiniDumpCallbackRoutine];
  const objects = [source.callbacks];
  if (typeof source.default === 'function') routines.push(source.default);
  else objects.push(source.default);
  // The same thing under two names is one callback.
  const found = [...new Set([...routines, ...objects])].filter(
    (value) => value !== undefined && value !== null,
  );
  if (found.length === 0) throw wrong(`${file} exports no callback`, EXPECTED);
  if (found.length > 1) throw wrong(`${file} exports more than one callback`, EXPECTED);
  const [callback] = found;
  if (routines.includes(callback) && typeof callback === 'function') {
    const CallbackRoutine = callback as MINIDUMP_CALLBACK_ROUTINE;
    return { callback: { CallbackRoutine, CallbackParam: source.CallbackParam } };
  }
  if (objects.includes(callback) && isObject(callback)) return { callbacks: checked(callback) };
  throw wrong(`${file} exports a callback that is neither a function nor an object`, EXPECTED);
}

/** A CommonJS module, whose exports come as its default, or a default export that is a MINIDUMP_CALLBACK_INFORMATION. */
function hasNames(object: Record<string, unknown>): boolean {
  return 'CallbackRoutine' in object || 'MiniDumpCallbackRoutine' in object || 'callbacks' in object;
}

/** A misspelt `removememory` would leave in the dump what it was written to keep out. */
function checked(object: Record<string, unknown>): Callbacks {
  const names = Object.keys(FUNCTIONS);
  for (const [key, value] of Object.entries(object)) {
    if (typeof value === 'function' && !(key in FUNCTIONS)) {
      throw wrong(`'${key}' is no callback`, `A \`callbacks\` object may have ${names.join(', ')}.`);
    }
  }
  for (const name of names) {
    if (object[name] !== undefined && typeof object[name] !== 'function') {
      throw wrong(`callback '${name}' is not a function`);
    }
  }
  if (!names.some((name) => object[name] !== undefined)) {
    throw wrong('the `callbacks` object has no callback', `It may have ${names.join(', ')}.`);
  }
  return object as Callbacks;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
