const LONGEST_WORD = 64;

/**
 * A text as a part of a file's name: ASCII letters, digits, `_`, `.` and `-`, at most 64 of them, none of `.` and `-` first. Whatever else
 * stands there (the name of a process may hold a slash, a newline, `..`) is `_`.
 *
 * @param instead what stands there if nothing is left
 */
export function nameWord(text: string, instead: string): string {
  const word = text
    .trim()
    .replaceAll(/[^\w.-]+/g, '_')
    .replace(/^[.-]+/, '')
    .slice(0, LONGEST_WORD);
  return word === '' ? instead : word;
}

/** `20260131T120000`, in local time as `ls` shows it. */
export function localStamp(time: Date): string {
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
}
