import { EXIT_CODES, exitCodeTable } from '../exit-codes.js';
import { print, printJson } from '../output.js';

/** `mdmp exit-codes` */
export async function exitCodes(options: { json?: boolean }): Promise<void> {
  if (options.json) await printJson(EXIT_CODES);
  else await print(exitCodeTable());
}
