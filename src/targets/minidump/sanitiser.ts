import type { SelectedParts } from '../../dump/index.js';
import type { Task } from '../../io/index.js';
import type { CarriedStream } from './streams.js';

/** Changes what of a dump goes into a new one, as sanitising snapshots do in Crashpad. */
export interface Sanitiser {
  /** Changes a copy of the memory at an address in place. */
  memory?(address: bigint, bytes: Uint8Array): Task<void>;
  /** Changes streams, and what they point to, in place. */
  streams?(streams: CarriedStream[], selected: SelectedParts): void;
}
