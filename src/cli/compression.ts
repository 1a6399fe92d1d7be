import type { CommandOutput } from './destination.js';

/** What `--compress` takes. */
export const COMPRESSIONS = ['zstd', 'none'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/**
 * How a dump is compressed. A file whose name ends in .zst is, unless that was declined: else its name would lie.
 */
export function compressionFor(
  { destination }: Pick<CommandOutput, 'destination'>,
  asked: Compression | undefined,
): 'zstd' | undefined {
  if (asked !== undefined) return asked === 'none' ? undefined : asked;
  return typeof destination === 'string' && /\.zst$/i.test(destination) ? 'zstd' : undefined;
}
