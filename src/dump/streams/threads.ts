import {
  encodeException,
  encodeThreadExList,
  encodeThreadInfoList,
  encodeThreadList,
  encodeThreadNames,
  MINIDUMP_THREAD_INFO_FLAGS,
  THREAD_WRITE_FLAGS,
} from '../../format/index.js';
import { hasFlag } from '../dump-type.js';
import { type Image, type Location, NOWHERE } from '../image.js';
import type { StackPlace, StreamContext } from './context.js';

const { ThreadWriteContext, ThreadWriteThreadInfo } = THREAD_WRITE_FLAGS;

/** No thread block is longer, in bytes. */
const THREAD_BLOCK = 4096;

export function threadList(image: Image, context: StreamContext, place: StackPlace): Location {
  const { threads } = context.selection;
  const entries = threads.map(({ thread, flags, stack, backingStore }) => ({
    ThreadId: thread.id,
    SuspendCount: thread.suspendCount,
    PriorityClass: thread.priorityClass,
    Priority: thread.priority >>> 0,
    Teb: thread.teb,
    Stack: { StartOfMemoryRange: stack?.start ?? thread.stackPointer, Memory: place(stack) },
    ThreadContext: hasFlag(flags, ThreadWriteContext) ? image.place(thread.context, 16) : NOWHERE,
    BackingStore: {
      StartOfMemoryRange: backingStore?.start ?? thread.backingStore?.start ?? 0n,
      Memory: place(backingStore),
    },
  }));
  const extended = isExtended(context);
  return image.place(extended ? encodeThreadExList(entries) : encodeThreadList(entries));
}

/** Threads with a second stack (Itanium) stand in a ThreadExList. */
export function isExtended({ selection }: StreamContext): boolean {
  return selection.threads.some(({ thread }) => thread.backingStore !== undefined);
}

export function threadNames(image: Image, { selection }: StreamContext): Location {
  const names = selection.threads.flatMap(({ thread }) =>
    thread.name === undefined
      ? []
      : [{ ThreadId: thread.id, RvaOfThreadName: BigInt(image.string(thread.name)) }],
  );
  return image.place(encodeThreadNames(names));
}

/** An entry for each thread whose ThreadWriteThreadInfo is still set. */
export function threadInfoList(image: Image, { selection }: StreamContext): Location {
  const { MINIDUMP_THREAD_INFO_INVALID_INFO } = MINIDUMP_THREAD_INFO_FLAGS;
  const entries = selection.threads
    .filter(({ flags }) => hasFlag(flags, ThreadWriteThreadInfo))
    .map(({ thread: { id, teb, info } }) =>
      info === undefined
        ? { ThreadId: id, DumpFlags: MINIDUMP_THREAD_INFO_INVALID_INFO }
        : {
            ThreadId: id,
            DumpFlags: info.flags,
            DumpError: info.error,
            ExitStatus: info.exitStatus,
            CreateTime: info.createTime,
            ExitTime: info.exitTime,
            KernelTime: info.kernelTime,
            UserTime: info.userTime,
            // It was read from the thread block, before anybody could say what is to be removed.
            StartAddress: selection.memory.touches(teb, THREAD_BLOCK) ? 0n : info.startAddress,
            Affinity: info.affinity,
          },
    );
  return image.place(encodeThreadInfoList(entries));
}

export function exception(image: Image, { selection }: StreamContext): Location {
  const happened = selection.exception!;
  const ThreadContext = image.place(happened.context, 16);
  return image.place(
    encodeException({
      ThreadId: happened.threadId,
      ExceptionRecord: {
        ExceptionCode: happened.code >>> 0,
        ExceptionFlags: happened.flags,
        ExceptionAddress: happened.address,
      },
      ThreadContext,
    }),
  );
}
