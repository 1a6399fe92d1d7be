const never = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the calling thread for so many milliseconds, for what must not return to the event loop. */
export function sleep(milliseconds: number): void {
  Atomics.wait(never, 0, 0, milliseconds);
}
