import { defineConfig } from 'vitest/config';

/** These read files and compute; they look at no process but programs that end at once. */
const computing = ['analysis', 'format', 'hostile', 'io', 'linux', 'object', 'reader', 'unwind'].map(
  (folder) => `test/${folder}/**/*.test.ts`,
);

export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: { name: 'computing', include: computing, maxWorkers: 2, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: 'processes',
          include: ['test/**/*.test.ts'],
          exclude: computing,
          // They stop processes and measure what these see: one file at a time leaves a processor to each side.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
