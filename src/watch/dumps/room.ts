import type { DumpFolder, FolderDump } from './dump-folder.js';

export interface RoomLimits {
  /** Most dumps in the folder. */
  readonly maxCount?: number | undefined;
  /** Most bytes of all dumps in the folder together. */
  readonly maxBytes?: number | undefined;
}

/** What was done for room, and what could not be. */
export interface Room {
  readonly removed: string[];
  readonly warnings: string[];
}

export function isLimited({ maxCount, maxBytes }: RoomLimits): boolean {
  return maxCount !== undefined || maxBytes !== undefined;
}

/**
 * Before a dump of `expected` bytes: the oldest go until it fits in. The newest stays: whether the one that is to come will ever
 * be complete, nobody knows.
 */
export function makeRoom(folder: DumpFolder, { maxBytes }: RoomLimits, expected: number | undefined): Room {
  if (maxBytes === undefined || expected === undefined) return { removed: [], warnings: [] };
  return removeOldest(folder, ({ count, bytes }) => count > 1 && bytes + expected > maxBytes);
}

/** After a dump: the oldest go until the limits hold. The newest stays, even if it is too large alone. */
export function keepLimits(folder: DumpFolder, limits: RoomLimits): Room {
  if (!isLimited(limits)) return { removed: [], warnings: [] };
  const { maxCount = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = limits;
  return removeOldest(folder, ({ count, bytes }) => count > 1 && (count > maxCount || bytes > maxBytes));
}

/**
 * After the disk was full: the oldest go, until a dump of `expected` bytes has room; where that is not known, or was wrong, of the size of
 * the largest. The newest goes only if that size is known and its room is what is missing.
 *
 * @param free bytes that can be had without; 0 for a quota, of which nobody tells how much is left
 */
export function freeDisk(folder: DumpFolder, expected: number | undefined, free: number): Room {
  const known = expected !== undefined && expected > free ? expected : undefined;
  return removeOldest(folder, ({ count, oldest, largest, freed }) => {
    // It was not enough, whatever was free: one goes in any case.
    if (freed > 0 && free + freed >= (known ?? largest)) return false;
    return count > 1 || (known !== undefined && free + freed + oldest.bytes >= known);
  });
}

interface Left {
  readonly count: number;
  readonly bytes: number;
  readonly oldest: FolderDump;
  /** Bytes of the largest that there was. */
  readonly largest: number;
  /** Bytes of those that are gone. */
  readonly freed: number;
}

/** @param more whether one more has to go */
function removeOldest(folder: DumpFolder, more: (left: Left) => boolean): Room {
  const room: Room = { removed: [], warnings: [] };
  let dumps: FolderDump[];
  try {
    dumps = folder.dumps();
  } catch (error) {
    room.warnings.push(`the limits of ${folder.path} cannot be kept: ${(error as Error).message}`);
    return room;
  }
  const all = dumps.reduce((sum, { bytes }) => sum + bytes, 0);
  const largest = dumps.reduce((most, { bytes }) => Math.max(most, bytes), 0);
  let freed = 0;
  for (const [i, oldest] of dumps.entries()) {
    if (!more({ count: dumps.length - i, bytes: all - freed, oldest, largest, freed })) break;
    try {
      if (folder.remove(oldest)) room.removed.push(oldest.file);
    } catch (error) {
      room.warnings.push(`an old dump cannot be removed: ${(error as Error).message}`);
      break;
    }
    freed += oldest.bytes;
  }
  return room;
}
