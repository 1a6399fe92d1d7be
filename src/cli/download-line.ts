import type { DownloadProgress } from '../symbols/index.js';
import { TerminalLine } from './progress.js';
import { count, size } from './text.js';

/** A line on the terminal that says what is fetched. */
export class DownloadLine {
  readonly #line = new TerminalLine();
  readonly #running = new Map<string, DownloadProgress>();
  #files = 0;
  #bytes = 0;

  update(progress: DownloadProgress): void {
    const { url, received, done } = progress;
    if (done) {
      this.#running.delete(url);
      this.#files++;
      this.#bytes += received;
    } else this.#running.set(url, progress);
    this.#line.showNow(() => this.#text());
  }

  clear(): void {
    this.#line.clear();
  }

  #text(): string {
    const running = [...this.#running.values()];
    const bytes = running.reduce((sum, { received }) => sum + received, this.#bytes);
    const largest = running.sort((a, b) => (b.total ?? 0) - (a.total ?? 0))[0];
    const name = largest?.url.slice(largest.url.lastIndexOf('/') + 1) ?? '';
    const percent =
      largest?.total === undefined || largest.total === 0
        ? ''
        : ` ${Math.floor((largest.received / largest.total) * 100)}%`;
    const now = name === '' ? '' : `: ${name}${percent}`;
    return `fetching symbols, ${count(this.#files + running.length, 'file')}, ${size(bytes)}${now}`;
  }
}
