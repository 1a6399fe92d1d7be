import { type NativePointer, win32 } from '../../../node/win32.js';

export const SYNCHRONIZE = 0x0010_0000;
const INFINITE = 0xffff_ffff;

/**
 * Waits for the first of some handles, in the calling thread.
 *
 * @param timeout in milliseconds; without it there is no end
 * @returns its number; undefined when the time is over
 */
export function waitForAny(handles: readonly NativePointer[], timeout = INFINITE): number | undefined {
  const wide = process.arch !== 'ia32';
  const list = Buffer.alloc(handles.length * (wide ? 8 : 4));
  handles.forEach((handle, i) => {
    if (wide) list.writeBigUInt64LE(handle ?? 0n, 8 * i);
    else list.writeUInt32LE(Number(handle ?? 0n), 4 * i);
  });
  const got: number = win32(
    'kernel32',
    'uint32_t __stdcall WaitForMultipleObjects(uint32_t count, void *handles, int all, uint32_t timeout)',
  )(handles.length, list, 0, Math.ceil(Math.min(timeout, INFINITE)));
  return got < handles.length ? got : undefined;
}

/** An event that is reset when a wait for it has ended. */
export function createEvent(): NativePointer {
  return win32('kernel32', 'void * __stdcall CreateEventW(void *security, int manual, int set, void *name)')(
    null,
    0,
    0,
    null,
  );
}

export function setEvent(event: NativePointer): void {
  win32('kernel32', 'int __stdcall SetEvent(void *event)')(event);
}
