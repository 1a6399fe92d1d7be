import type { Callbacks } from 'mdmp';
import { type Sample, SECRET_LENGTH } from './session.js';

/** What the demonstration lets into a dump of its sample. */
export function keepSecretOut(sample: Sample): Callbacks {
  const session = { address: BigInt(sample.session.address), size: sample.session.size };
  return {
    // One module less: who reads the dump need not know how the sample calls into C.
    module: ({ path }) => !path.endsWith('koffi.node'),

    // What happened around the secret is worth having: the session that it belongs to.
    memory: () => [session],

    // The secret itself is not, wherever the sample keeps it.
    removeMemory: () =>
      [sample.environment, sample.heap, sample.stack].map((address) => ({
        address: BigInt(address),
        size: SECRET_LENGTH,
      })),
  };
}
