// Numbers as people read them.

/** Three figures, or all of a whole number. */
const figures = (number) =>
  number < 10 ? number.toFixed(2) : number < 100 ? number.toFixed(1) : number.toFixed(0);

/** Milliseconds, without their unit. */
export const ms = figures;

/** A time with its unit: milliseconds, or seconds from one on. */
export const time = (number) => (number < 1000 ? `${figures(number)} ms` : `${figures(number / 1000)} s`);

/** How many times something else it is. */
export const times = (number) => `${figures(number)}×`;

/** Megabytes of 1,000,000 bytes, without their unit. */
export const mb = (number) => number.toFixed(number < 10 ? 1 : 0);

/** A size in bytes. */
export const size = (bytes) =>
  bytes < 1 << 20 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
