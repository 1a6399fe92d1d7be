import { normalizeFrames } from './frames.js';
import type { SignatureInput, SignatureLists } from './input.js';
import { javaSignature } from './java.js';
import { defaultLists } from './lists.js';
import { applyRules } from './rules.js';
import { compileLists, selectFrames } from './selection.js';

export { normalizeFrame, normalizeFrames } from './frames.js';
export type {
  SignatureAnnotations,
  SignatureCall,
  SignatureFrame,
  SignatureInput,
  SignatureLists,
  SignatureThread,
} from './input.js';
export { defaultLists } from './lists.js';

export interface CrashSignature {
  /** At most 255 letters of printable ASCII. Crashes of one cause should have the same. */
  signature: string;
  /** What it was made of: the first frames of the crashing thread, normalised. */
  frames: string[];
}

/**
 * The signature of a crash, by which reports of one cause are put together, as Socorro, Mozilla's crash collector, documents
 * it: frames are normalised, those that matter chosen by lists, and what else is known of the crash put before them. The lists
 * that Socorro itself uses are of Mozilla's programs; with other lists signatures differ. Its `java_exception`, the structured
 * form of a Java stack trace, is not looked at.
 */
export function crashSignature(input: SignatureInput, lists: SignatureLists = defaultLists): CrashSignature {
  const known = compileLists(lists);
  const threads = input.threads ?? [];
  const annotations = input.annotations ?? {};
  const windows = input.system_info?.os === 'Windows NT';
  const framesOf = (index: number) =>
    normalizeFrames(threads[index]?.frames ?? [], windows, known.lineNumbers);
  const ofFrames = (frames: readonly string[]) =>
    selectFrames(frames, known) ?? 'EMPTY: no frame data available';

  const index = input.crash_info?.crashing_thread;
  const crashing = typeof index === 'number' && Number.isInteger(index) && index >= 0 ? index : 0;
  const frames = framesOf(crashing);
  const trace = annotations.java_stack_trace;
  const signature = applyRules(trace ? javaSignature(trace) : ofFrames(frames), {
    reason: input.crash_info?.type ?? '',
    annotations,
    crashingThread: threads[crashing],
    ofFirstThread: () => ofFrames(framesOf(0)),
  });
  return { signature, frames };
}
