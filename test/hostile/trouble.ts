import type { Kind } from './kind.js';

/** Each way in which an attempt can fail, at the attempt of its number: shows that it is noticed. */
export const TROUBLE = { throws: 2, slow: 4, greedy: 6, dies: 8, hangs: 10 } as const;

export function trouble(): Kind {
  return {
    attempt(_random, index) {
      switch (index) {
        case TROUBLE.throws:
          throw new TypeError('no MinidumpError');
        case TROUBLE.slow: {
          const before = process.cpuUsage();
          for (let used = 0; used < 1_200_000; ) {
            const { user, system } = process.cpuUsage(before);
            used = user + system;
          }
          break;
        }
        case TROUBLE.greedy:
          Buffer.alloc(200 << 20, 1);
          break;
        case TROUBLE.dies:
          process.abort();
          break;
        case TROUBLE.hangs:
          for (;;);
      }
      return 100;
    },
  };
}
