import { type Fetch, type FetchAnswer, MinidumpError } from '../../io/index.js';

/** How patient a transfer is, and how much it takes. */
export interface TransferLimits {
  /** Of one file, in bytes. */
  readonly maxSize: number;
  /** So long nothing may come, in milliseconds. */
  readonly idle: number;
  /** For one file in all, in milliseconds. */
  readonly total: number;
  /** How often a failure that may pass is tried again. */
  readonly retries: number;
  /** Before the first of these; each time twice as long. Milliseconds. */
  readonly backoff: number;
}

export const TRANSFER_LIMITS: TransferLimits = {
  // PDBs of browsers have 2 to 3 GiB.
  maxSize: 4 * 1024 ** 3,
  idle: 30_000,
  total: 1_000_000,
  retries: 2,
  backoff: 500,
};

/** Where the bytes go. */
export interface Receiver {
  /** Before the first byte of each try: what came before is not wanted any more. `total`: bytes, where the server says it. */
  start(total: number | undefined): void;
  write(bytes: Uint8Array): void;
}

/** That a server was not reached, or failed: another one, or a later time, may do. */
export class TransferFailure extends MinidumpError {
  constructor(message: string, cause?: unknown) {
    super('input-unreadable', message, { cause });
  }
}

/** The longest that a server's Retry-After is heeded. Milliseconds. */
const MAX_WAIT = 10_000;

/**
 * Fetches a file. What a server says it does not have is not asked for again, what fails for reasons that may pass is.
 *
 * @returns whether there is such a file
 */
export async function transfer(
  fetch: Fetch,
  url: string,
  receiver: Receiver,
  limits: TransferLimits,
): Promise<boolean> {
  const began = Date.now();
  for (let tries = 0; ; tries++) {
    const left = limits.total - (Date.now() - began);
    const outcome = await once(fetch, url, receiver, { ...limits, total: left });
    if (typeof outcome === 'boolean') return outcome;
    const wait = Math.max(limits.backoff * 2 ** tries, outcome.retryAfter ?? 0);
    const isOver = Date.now() - began + wait >= limits.total;
    if (tries >= limits.retries || isOver) throw outcome.failure;
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

interface Passing {
  readonly failure: TransferFailure;
  readonly retryAfter?: number | undefined;
}

/** What a server answers where there is no such file, or not for us: Microsoft's and S3's say 403 to some names. */
const ABSENT = new Set([400, 401, 403, 404, 405, 410, 451]);

async function once(
  fetch: Fetch,
  url: string,
  receiver: Receiver,
  limits: TransferLimits,
): Promise<boolean | Passing> {
  const shown = shownUrl(url);
  using clock = new Clock(limits);
  let answer: FetchAnswer;
  try {
    answer = await fetch(url, { signal: clock.signal });
  } catch (cause) {
    // What the fetcher refuses, such as a redirect to http, stays so.
    if (cause instanceof MinidumpError) throw cause;
    return { failure: new TransferFailure(`${shown}: ${clock.why ?? reasonOf(cause)}`, cause) };
  }
  if (answer.status !== 200) {
    await cancel(answer);
    if (answer.status === 204 || ABSENT.has(answer.status)) return false;
    const failure = new TransferFailure(`${shown}: the server answered ${answer.status}`);
    if (answer.status >= 500 || answer.status === 408 || answer.status === 429)
      return { failure, retryAfter: retryAfterOf(answer) };
    throw failure;
  }
  const total = lengthOf(answer);
  const tooLarge = () =>
    new MinidumpError('unsupported', `${shown}: it is larger than ${limits.maxSize} bytes`);
  if (total !== undefined && total > limits.maxSize) {
    await cancel(answer);
    throw tooLarge();
  }
  receiver.start(total);
  let received = 0;
  const reader = answer.body?.getReader();
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (done || value === undefined) break;
      clock.tick();
      received += value.length;
      if (received > limits.maxSize) throw tooLarge();
      receiver.write(value);
    }
  } catch (cause) {
    if (cause instanceof MinidumpError) throw cause;
    return { failure: new TransferFailure(`${shown}: ${clock.why ?? reasonOf(cause)}`, cause) };
  } finally {
    await reader?.cancel().catch(() => {});
  }
  if (total !== undefined && received < total)
    return { failure: new TransferFailure(`${shown}: it ended after ${received} of ${total} bytes`) };
  return true;
}

/** Of the body, where it is not packed for the transfer. */
function lengthOf({ headers }: FetchAnswer): number | undefined {
  const text = headers.get('content-length');
  return text !== null && /^\d{1,15}$/.test(text) && headers.get('content-encoding') === null
    ? Number(text)
    : undefined;
}

function retryAfterOf({ headers }: FetchAnswer): number | undefined {
  const text = headers.get('retry-after');
  return text !== null && /^\d{1,6}$/.test(text) ? Math.min(Number(text) * 1000, MAX_WAIT) : undefined;
}

async function cancel({ body }: FetchAnswer): Promise<void> {
  await body?.cancel().catch(() => {});
}

/** `fetch` says only that it failed; its cause says why. */
function reasonOf(error: unknown): string {
  const { cause } = error as Error;
  const first = cause instanceof AggregateError ? cause.errors[0] : cause;
  const message = ((first ?? error) as Error).message || String((first as NodeJS.ErrnoException)?.code);
  return message === 'aborted' || message === 'terminated' ? 'the connection was cut' : message;
}

/** A URL for people, and for reports: without the password that it may hold. */
export function shownUrl(url: string): string {
  return url.replace(/^(https?:\/\/)[^/@]*@/i, '$1');
}

/** Ends a transfer that takes too long. */
class Clock implements Disposable {
  readonly #controller = new AbortController();
  readonly #idle: number;
  #idleTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #totalTimer: ReturnType<typeof setTimeout>;
  /** Why it was ended, if it was. */
  why: string | undefined;

  constructor({ idle, total }: TransferLimits) {
    this.#idle = idle;
    this.#totalTimer = setTimeout(() => this.#end('it took too long'), Math.max(1, total));
    this.tick();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came. */
  tick(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(
      () => this.#end(`nothing came for ${this.#idle / 1000} seconds`),
      this.#idle,
    );
  }

  #end(why: string): void {
    this.why ??= why;
    this.#controller.abort();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#totalTimer);
  }
}
