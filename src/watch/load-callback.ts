import { realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type Callbacks,
  checkCallbacks,
  hasCallbacks,
  type MINIDUMP_CALLBACK_INFORMATION,
  type MINIDUMP_CALLBACK_ROUTINE,
} from '../dump/index.js';
import { MinidumpError } from '../io/index.js';

/** What a callback module decided to be: one of the two faces of the protocol. */
export type LoadedCallback = { callback: MINIDUMP_CALLBACK_INFORMATION } | { callbacks: Callbacks };

const EXPECTED =
  'It must export a callback routine (default, CallbackRoutine or MiniDumpCallbackRoutine) or a `callbacks` object; see docs/callback.md.';

/**
 * Loads a callback module, as ProcDump loads a DLL that exports MiniDumpCallbackRoutine.
 *
 * @param again as it is now, whatever was loaded before: with variables of its own. What it imports itself is not loaded again. Each time
 *   costs memory that is never given back, as Node keeps all modules: some 10 KB and what the module holds.
 * @throws MinidumpError `callback-failed`, `invalid-argument`
 */
export async function loadCallback(file: string, again = false): Promise<LoadedCallback> {
  let exported: Record<string, unknown>;
  const url = pathToFileURL(resolve(file));
  if (again) forget(url);
  try {
    exported = await import(url.href);
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

let loads = 0;

/** Has the next import of a module load it: modules are known by the whole of their URL, those of CommonJS by their file. */
function forget(url: URL): void {
  loads++;
  url.searchParams.set('mdmp-load', String(loads));
  const { cache } = createRequire(import.meta.url);
  try {
    delete cache[realpathSync(url)];
  } catch {
    // There is no such file, which the import will say.
  }
}

function wrong(message: string, advice?: string): MinidumpError {
  return new MinidumpError('invalid-argument', message, { advice });
}

/** A CommonJS module, whose exports come as its default, or a default export that is a MINIDUMP_CALLBACK_INFORMATION. */
function hasNames(object: Record<string, unknown>): boolean {
  return 'CallbackRoutine' in object || 'MiniDumpCallbackRoutine' in object || 'callbacks' in object;
}

/** An object without any callback is a mistake, too, where a module was given for its callbacks. */
function checked(object: Record<string, unknown>): Callbacks {
  const callbacks = checkCallbacks(object);
  if (!hasCallbacks(callbacks)) {
    throw wrong('the `callbacks` object has no callback', 'docs/callback.md lists those that it may have');
  }
  return callbacks;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
