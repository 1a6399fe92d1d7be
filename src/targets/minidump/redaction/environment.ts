import { StreamType } from '../../../format/index.js';
import type { Sanitiser } from '../sanitiser.js';
import type { CarriedStream } from '../streams.js';

const ASTERISK = 0x2a;
const EQUALS = 0x3d;

export interface EnvironmentReport {
  /** Variables whose values were blanked. */
  variables: number;
  /** Arguments that were blanked, whole or behind their `=`. */
  arguments: number;
}

/**
 * Blanks the values of the environment and the arguments of the command line (LinuxEnviron, LinuxCmdLine) with asterisks. Names of variables
 * stay, and of the command line the program (the first argument), options that are only a name (`--verbose`), and the names of
 * those that have a value (`--password=********`).
 */
export class EnvironmentRedactor implements Sanitiser {
  readonly report: EnvironmentReport = { variables: 0, arguments: 0 };

  streams(streams: CarriedStream[]): void {
    for (const stream of new Set(streams)) {
      if (stream.type === StreamType.LinuxEnviron) {
        stream.bytes = this.#redact(stream.bytes, 'variables', (text) => text.indexOf(EQUALS) + 1);
      } else if (stream.type === StreamType.LinuxCmdLine) {
        stream.bytes = this.#redact(stream.bytes, 'arguments', (text, index) =>
          index === 0 ? text.length : nameOfOption(text),
        );
      }
    }
  }

  /** @param kept tells how many bytes of a text stay */
  #redact(
    original: Uint8Array,
    kind: keyof EnvironmentReport,
    kept: (text: Uint8Array, index: number) => number,
  ): Uint8Array {
    const bytes = original.slice();
    let index = 0;
    for (let at = 0; at < bytes.length; index++) {
      const nul = bytes.indexOf(0, at);
      const end = nul < 0 ? bytes.length : nul;
      const from = at + kept(bytes.subarray(at, end), index);
      if (from < end) {
        bytes.fill(ASTERISK, from, end);
        this.report[kind]++;
      }
      at = end + 1;
    }
    return bytes;
  }
}

function nameOfOption(text: Uint8Array): number {
  const decoded = new TextDecoder('latin1').decode(text);
  return /^--[a-z][a-z0-9-]*(?:=|$)/i.exec(decoded)?.[0].length ?? 0;
}
