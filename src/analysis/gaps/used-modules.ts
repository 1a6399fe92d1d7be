import type { Analysis } from '../analyze.js';
import type { LoadedModule } from '../code-modules.js';

/** What the stacks have of a module. */
export interface UsedModule {
  readonly module: LoadedModule;
  /** Ids of the threads that have frames of it. */
  readonly threads: Set<number>;
  frames: number;
  /** Frames with a function, and of those the ones with a line. */
  named: number;
  lined: number;
  /** Frames whose caller was found by scanning. */
  scanned: number;
  /** Of those the ones behind no other guess: a wrong guess has wrong callers. */
  scannedFromCertain: number;
  /** Stacks that end in it without an end of their own. */
  ended: number;
  /** Index of its innermost frame on the stack of the thread to blame. */
  onBlamed: number | undefined;
}

/** The modules of all stacks. */
export function usedModules({ threads, requestingThread }: Analysis): UsedModule[] {
  const used = new Map<LoadedModule, UsedModule>();
  for (const [threadIndex, { id, stack }] of threads.entries()) {
    let certain = true;
    for (const [index, frame] of stack.frames.entries()) {
      const { module, trust } = frame;
      // Code that nothing is known of may have used the frame pointer for anything.
      const blind = stack.frames[index - 1]?.function === undefined;
      if (trust === 'scan' || (trust === 'frame_pointer' && blind)) certain = false;
      if (module === undefined) continue;
      const one = used.get(module) ?? {
        module,
        threads: new Set<number>(),
        frames: 0,
        named: 0,
        lined: 0,
        scanned: 0,
        scannedFromCertain: 0,
        ended: 0,
        onBlamed: undefined,
      };
      used.set(module, one);
      one.threads.add(id);
      one.frames++;
      if (frame.function !== undefined) one.named++;
      if (frame.line !== undefined) one.lined++;
      const caller = stack.frames[index + 1];
      if (caller?.trust === 'scan') {
        one.scanned++;
        if (certain) one.scannedFromCertain++;
      }
      if (caller === undefined && stack.end === 'no-caller') one.ended++;
      if (threadIndex === requestingThread) one.onBlamed ??= index;
    }
  }
  return [...used.values()];
}
