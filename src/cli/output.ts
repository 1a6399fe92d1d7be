import { once } from 'node:events';
import colours from 'picocolors';
import { MinidumpError } from '../io/index.js';

/**
 * picocolors' own test also says yes wherever `CI` is set and on all of Windows; here colour is for a terminal only, and
 * https://no-color.org is honoured.
 */
function wantsColour(stream: NodeJS.WriteStream): boolean {
  const refused = process.env.NO_COLOR || process.argv.includes('--no-color');
  return stream.isTTY === true && !refused && process.env.TERM !== 'dumb';
}

export const out = colours.createColors(wantsColour(process.stdout));
export const err = colours.createColors(wantsColour(process.stderr));

/**
 * What becomes of the command when its words cannot be written. A reader that has seen enough (`mdmp … | head`) is no failure; a full
 * disk is one.
 *
 * @param report says so in one line
 */
export function handleWriteErrors(report: (error: MinidumpError) => void): void {
  const fail = (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    report(
      new MinidumpError('stdout-failed', `what the command prints cannot be written: ${error.message}`, {
        cause: error,
      }),
    );
    process.exit();
  };
  process.stdout.on('error', fail);
  // Nowhere is left to say it; the exit code tells how the command ended.
  process.stderr.on('error', () => {});
}

/** Writes to stdout, and waits where the reader is slower. */
export async function write(data: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(data)) await once(process.stdout, 'drain');
}

export async function print(text: string): Promise<void> {
  await write(`${text}\n`);
}

export async function printJson(value: unknown): Promise<void> {
  // Loaded here only, as it brings the reader along.
  const { toJson } = await import('./json.js');
  await print(toJson(value));
}
