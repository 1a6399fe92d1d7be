/** How the name of a dump ends; what a number stands before. */
export const DUMP_ENDING = /(?:\.m?dmp)?(?:\.zst)?$/i;

/** `app.dmp.zst` and 2 make `app-2.dmp.zst`. */
export function numbered(file: string, n: number): string {
  return file.replace(DUMP_ENDING, (ending) => `-${n}${ending}`);
}
