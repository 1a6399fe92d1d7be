import type { RegisterOptions } from './options.js';

/** What a process says to its watcher, a line of JSON each. An empty line is a beat of its event loop. */
export type ToWatcher =
  /** A process registers. Paths are absolute. `allowed`: it may be traced already; else it says so when it knows by whom. */
  | { readonly kind: 'hello'; readonly options: RegisterOptions; readonly allowed: boolean }
  | { readonly kind: 'allowed' }
  /** Another thread of a registered process. */
  | { readonly kind: 'join' }
  | { readonly kind: 'options'; readonly options: RegisterOptions }
  | DumpRequest;

export interface DumpRequest {
  readonly kind: 'dump';
  readonly id: number;
  /** `request`, `uncaught-exception`, `unhandled-rejection`. */
  readonly trigger: string;
  /** One line. */
  readonly text: string;
  /** For the comment stream of the dump. */
  readonly comment?: string | undefined;
}

export type ToProcess =
  /** It is served; `watcher`: the id of the watcher, which wants to trace. */
  | { readonly kind: 'welcome'; readonly watcher: number }
  /** It is watched: crashes bring dumps from now on. */
  | { readonly kind: 'watching' }
  /** Something is wrong, in one line. `final`: this process will not be watched. */
  | { readonly kind: 'problem'; readonly text: string; readonly final: boolean }
  | DumpAnswer;

export interface DumpAnswer {
  readonly kind: 'dump';
  readonly id: number;
  /** The absolute path; undefined if there is none. */
  readonly file?: string | undefined;
  /** Why there is none, and what can be done. */
  readonly error?: { readonly code: string; readonly message: string; readonly advice?: string } | undefined;
}

/** How often an event loop tells of itself, in milliseconds. */
export function beatInterval(hang: number): number {
  return Math.max(10, Math.min(250, hang / 4));
}

/** Cuts what arrives into lines. A line that is too long ends the conversation. */
export class Lines {
  #rest = '';
  readonly #decoder = new TextDecoder();

  /** @throws RangeError */
  take(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#rest = lines.pop()!;
    if (this.#rest.length > LONGEST) throw new RangeError('a line is too long');
    return lines;
  }
}

const LONGEST = 1 << 20;
