import type { Task } from '../io/index.js';
import type { CfiRow, WindowsFrame } from '../object/index.js';

/** A loaded file of code, as far as unwinding needs to know it. */
export interface CodeModule {
  readonly base: bigint;
  /** In bytes, of the image in memory. */
  readonly size: number;
  readonly name: string;
}

/**
 * What unwinding asks about code. Addresses are absolute and lie in the module that is given. Where symbols are damaged an answer may
 * fail with a `MinidumpError` (`malformed`, `truncated`): that technique is then left out, no more.
 */
export interface UnwindLookups<M extends CodeModule = CodeModule> {
  /** The loaded module at an address. Unloaded ones do not count. */
  moduleAt(address: bigint): M | undefined;
  /** @param inCall the address is that of a frame that called another: it lies inside a call instruction */
  cfiAt(module: M, address: bigint, inCall: boolean): Task<CfiRow | undefined>;
  windowsFrameAt(module: M, address: bigint): Task<WindowsFrame | undefined>;
  /** Whether there is a function with a name here; undefined where the module has no symbols, so that nobody can tell. */
  isCode(module: M, address: bigint): Task<boolean | undefined>;
  /** Bytes of parameters on the stack of the function here, of STACK WIN or FUNC; 0 where it is not known. */
  parameterSizeAt(module: M, address: bigint): Task<number>;
}
