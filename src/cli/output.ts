import { once } from 'node:events';
import colours from 'picocolors';

/**
 * picocolors' own test also says yes wherever `CI` is set and on all of Windows; here colour is for a terminal only, and
 * https://no-color.org is honoured.
 */
function wantsColour(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
}

export const out = colours.createColors(wantsColour(process.stdout));
export const err = colours.createColors(wantsColour(process.stderr));

/** A reader that has seen enough (`mdmp … | head`) is no failure. */
export function quietOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      process.exit();
    });
  }
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
