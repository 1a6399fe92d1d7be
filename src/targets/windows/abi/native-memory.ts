/** Memory of this process, as native code knows it. */
export interface NativeMemory {
  /**
   * The bytes at an address, not copied: what is written into them is written there. Only used until the native code that named
   * the address goes on; what is handed to the user is copied.
   *
   * @param size in bytes, above 0; never past what native code named, and of a text never past the page that its end is on
   */
  view(address: bigint, size: number): Uint8Array;
}

/** What stands in the callback for the handles of native code. */
export interface Handles {
  fromNative(handle: bigint): unknown;
  toNative(handle: unknown): bigint;
}

/** The address of the first byte, which must not move from then on. */
export type AddressOf = (bytes: Uint8Array) => bigint;

/** A structure for native code. All of `keep` must live, and stay where it is, as long as native code may look at it. */
export interface NativeBlock {
  bytes: Uint8Array;
  /** What pointers inside point to; `bytes` itself is not among it. */
  keep: readonly Uint8Array[];
}
