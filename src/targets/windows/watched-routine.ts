import { checkAborted } from '../../dump/finished.js';
import type {
  MINIDUMP_CALLBACK_INPUT,
  MINIDUMP_CALLBACK_OUTPUT,
  MINIDUMP_CALLBACK_ROUTINE,
  ReportedRange,
  UnreadableRange,
} from '../../dump/index.js';
import { CallbackProtocol } from '../../dump/protocol.js';
import {
  HRESULT,
  MODULE_WRITE_FLAGS,
  THREAD_WRITE_FLAGS,
  MINIDUMP_CALLBACK_TYPE as Type,
} from '../../format/index.js';
import { MinidumpError, NoSink } from '../../io/index.js';
import { MAX_PAUSE, type WindowsDumpOptions } from './options.js';

const { S_OK, S_FALSE } = HRESULT;
const { ThreadWriteThread } = THREAD_WRITE_FLAGS;
const { ModuleWriteModule } = MODULE_WRITE_FLAGS;

/** The values of handles as the caller of the API knows them. */
export interface CallerHandles {
  process: unknown;
  file: unknown;
}

/**
 * The routine that DbgHelp calls in place of the user's: hands everything through, ends a dump that takes too long or was given up,
 * and takes notes for the report, as DbgHelp tells nothing afterwards.
 */
export class WatchedRoutine {
  readonly excludedThreads = new Set<number>();
  readonly excludedModules = new Set<bigint>();
  readonly removed: ReportedRange[] = [];
  readonly unreadable: UnreadableRange[] = [];
  /** The callback types that DbgHelp has asked. */
  readonly asked = new Set<number>();
  /** The callback writes the dump. */
  callbackWrites = false;
  /** Where what it has been given ends. */
  written = 0;

  readonly #user: MINIDUMP_CALLBACK_ROUTINE | undefined;
  readonly #param: unknown;
  readonly #options: WindowsDumpOptions;
  readonly #handles: CallerHandles;
  readonly #snapshot: boolean;
  readonly #nowhere: boolean;
  /** Of a `callbacks` object. */
  readonly #idiomatic: CallbackProtocol | undefined;
  readonly #includedThreads = new Set<number>();
  readonly #includedModules = new Set<bigint>();
  #start = 0;

  /**
   * @param snapshot hProcess is a snapshot
   * @param nowhere there is no file: the callback has to write the dump
   */
  constructor(
    user: MINIDUMP_CALLBACK_ROUTINE | undefined,
    options: WindowsDumpOptions,
    handles: CallerHandles,
    { snapshot, nowhere }: { snapshot: boolean; nowhere: boolean },
  ) {
    this.#user = user;
    this.#param = options.callback?.CallbackParam;
    this.#options = options;
    this.#handles = handles;
    this.#snapshot = snapshot;
    this.#nowhere = nowhere;
    const { callbacks } = options;
    if (callbacks !== undefined) this.#idiomatic = new CallbackProtocol({ callbacks }, 0, handles.process);
  }

  /** The dump begins. */
  start(): void {
    this.#start = performance.now();
    this.#idiomatic?.checkCancelled();
  }

  readonly routine: MINIDUMP_CALLBACK_ROUTINE = (_param, given, output) => {
    this.asked.add(given.CallbackType);
    const input = this.#named(given);
    const flags = { thread: output.ThreadWriteFlags, module: output.ModuleWriteFlags };
    const answer = this.#ask(input, output);
    // A promise is refused by the bridge.
    if (typeof answer !== 'object') this.#note(input, output, Boolean(answer), flags);
    return answer;
  };

  #ask(input: MINIDUMP_CALLBACK_INPUT, output: MINIDUMP_CALLBACK_OUTPUT): boolean {
    if (this.#user === undefined) return byDefault(input.CallbackType);
    if (!this.#stillIncluded(input, output)) return false;
    return this.#user(this.#param, input, output);
  }

  /**
   * What a `callbacks` object promises does not depend on what a DbgHelp asks: `cancel` is asked all the time (some ask once, some never), and
   * of threads and modules that were not asked about beforehand, `includeThread` and `includeModule` decide now.
   */
  #stillIncluded(input: MINIDUMP_CALLBACK_INPUT, output: MINIDUMP_CALLBACK_OUTPUT): boolean {
    const protocol = this.#idiomatic;
    if (protocol === undefined) return true;
    if (input.CallbackType !== Type.CancelCallback) protocol.checkCancelled();
    switch (input.CallbackType) {
      case Type.IncludeThreadCallback:
        this.#includedThreads.add(input.IncludeThread.ThreadId);
        return true;
      case Type.IncludeModuleCallback:
        this.#includedModules.add(input.IncludeModule.BaseOfImage);
        return true;
      case Type.ThreadCallback:
      case Type.ThreadExCallback: {
        const id = threadOf(input);
        if (this.#includedThreads.has(id)) return true;
        output.ThreadWriteFlags = protocol.includeThread(id, output.ThreadWriteFlags);
        return output.ThreadWriteFlags !== 0;
      }
      case Type.ModuleCallback: {
        const { BaseOfImage } = input.Module;
        if (this.#includedModules.has(BaseOfImage)) return true;
        output.ModuleWriteFlags = protocol.includeModule(BaseOfImage, output.ModuleWriteFlags);
        return output.ModuleWriteFlags !== 0;
      }
      default:
        return true;
    }
  }

  /** @throws MinidumpError `max-pause`, `cancelled` */
  checkTime(): void {
    const { maxPause = MAX_PAUSE } = this.#options;
    checkAborted(this.#options);
    if (!this.#snapshot && performance.now() - this.#start > maxPause) throw tookTooLong(maxPause);
  }

  /** The handles are those that the caller gave, as on every system. */
  #named(input: MINIDUMP_CALLBACK_INPUT): MINIDUMP_CALLBACK_INPUT {
    const { process, file } = this.#handles;
    const named = { ...input, ProcessHandle: input.ProcessHandle === null ? null : process };
    if ('Io' in named) named.Io = { ...named.Io, Handle: file };
    return named as MINIDUMP_CALLBACK_INPUT;
  }

  #note(
    input: MINIDUMP_CALLBACK_INPUT,
    output: MINIDUMP_CALLBACK_OUTPUT,
    answer: boolean,
    before: { thread: number; module: number },
  ): void {
    switch (input.CallbackType) {
      case Type.IncludeThreadCallback:
      case Type.ThreadCallback:
      case Type.ThreadExCallback: {
        // Flags can only be cleared, here as with mdmp's own engine.
        output.ThreadWriteFlags &= before.thread;
        const id = 'IncludeThread' in input ? input.IncludeThread.ThreadId : threadOf(input);
        if (!answer || (output.ThreadWriteFlags & ThreadWriteThread) === 0) this.excludedThreads.add(id);
        return;
      }
      case Type.IncludeModuleCallback:
      case Type.ModuleCallback: {
        output.ModuleWriteFlags &= before.module;
        const base = 'IncludeModule' in input ? input.IncludeModule.BaseOfImage : input.Module.BaseOfImage;
        if (!answer || (output.ModuleWriteFlags & ModuleWriteModule) === 0) this.excludedModules.add(base);
        return;
      }
      case Type.RemoveMemoryCallback:
        if (answer && output.MemorySize) {
          this.removed.push({ address: BigInt(output.MemoryBase), size: BigInt(output.MemorySize) });
        }
        return;
      case Type.ReadMemoryFailureCallback: {
        const { Offset: address, Bytes: size, FailureStatus } = input.ReadMemoryFailure;
        if (answer && output.Status >>> 0 === S_OK) {
          this.unreadable.push({ address, size, why: `HRESULT 0x${(FailureStatus >>> 0).toString(16)}` });
        }
        return;
      }
      case Type.IsProcessSnapshotCallback:
        // The bridge answers for a snapshot of mdmp's own.
        if (!this.#snapshot && answer && output.Status >>> 0 === S_FALSE) {
          throw new MinidumpError(
            'invalid-argument',
            'the callback says that what is dumped is a snapshot, and none was taken',
            { advice: "Ask for one with snapshot: 'always' (--snapshot always)." },
          );
        }
        return;
      case Type.IoStartCallback:
        this.callbackWrites = answer && output.Status >>> 0 === S_FALSE;
        if (this.#nowhere && !this.callbackWrites) new NoSink().write();
        return;
      case Type.IoWriteAllCallback:
        this.written = Math.max(this.written, Number(input.Io.Offset) + input.Io.BufferBytes);
        return;
    }
  }
}

/** @param maxPause in milliseconds */
export function tookTooLong(maxPause: number): MinidumpError {
  return new MinidumpError('max-pause', `the dump took longer than ${maxPause / 1000} s and was given up`, {
    advice:
      'Shorten what the callback does, allow more with --max-pause, or dump a snapshot (--snapshot always).',
  });
}

function threadOf(input: MINIDUMP_CALLBACK_INPUT): number {
  if ('ThreadEx' in input) return input.ThreadEx.ThreadId;
  return 'Thread' in input ? input.Thread.ThreadId : 0;
}

/** Without a callback nothing is left out, and all else is as DbgHelp does it. */
function byDefault(type: number): boolean {
  return (
    type === Type.ModuleCallback ||
    type === Type.ThreadCallback ||
    type === Type.ThreadExCallback ||
    type === Type.IncludeThreadCallback ||
    type === Type.IncludeModuleCallback
  );
}
