import { MinidumpError } from '../io/index.js';

/**
 * Refuses what needs ptrace, /proc or the kernel's core pipe.
 *
 * @param what the subject of a sentence: `mdmp watch`
 * @throws MinidumpError `platform`
 */
export function linuxOnly(what: string): void {
  if (process.platform === 'linux') return;
  throw new MinidumpError('platform', `${what} works on Linux only, not on ${process.platform}`, {
    advice: 'See docs/platforms.md for what works where.',
  });
}
