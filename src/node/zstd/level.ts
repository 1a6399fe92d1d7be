/** Level 3 takes twice the time for 4 % less (docs/evidence/compression.md). */
export const LEVEL = 1;
