/**
 * Fetches what a URL names; the `fetch` of browsers is one. It follows redirects, a bounded number of them and never from https to http
 * (browsers refuse that, too), unpacks what Content-Encoding says, and rejects where there is no answer.
 */
export type Fetch = (url: string, options: FetchOptions) => Promise<FetchAnswer>;

export interface FetchOptions {
  /** Ends it at any time, also while the body is read. */
  readonly signal: AbortSignal;
}

export interface FetchAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Cancelled where it is not read to its end. */
  readonly body: ReadableStream<Uint8Array> | null;
}
