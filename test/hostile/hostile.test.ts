import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fuzzSeeds } from '../reader/mutations.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { corpusFolder, describeWith, needsCorpus, requireTool, root } from '../support/tools.js';
import { attempts } from './attempts.js';
import type { Places } from './kind.js';
import { ALL_SHARES, KINDS, type KindName } from './kinds.js';
import { TROUBLE } from './trouble.js';

/** Attempts in all for each seed; `npm run fuzz` takes many more. */
const total = Number(process.env.MDMP_FUZZ ?? 4000);

/** DWARF of all versions; what only compressed sections, .debug_frame, .debug_addr and .debug_str_offsets have. */
const BUILDS: readonly (readonly string[])[] = [
  ['-gdwarf-5', '-O2'],
  ['-gdwarf-4', '-O2'],
  ['-gdwarf-3', '-O2', '-gstrict-dwarf'],
  ['-gdwarf-5', '-O2', '-gz=zlib'],
  ['-gdwarf-4', '-O2', '-gz=zlib'],
  ['-gdwarf-5', '-O1', '-fno-asynchronous-unwind-tables', '-fno-unwind-tables', '-fno-exceptions'],
  ['-gdwarf-5', '-O2', '-gsplit-dwarf'],
  ['-gdwarf-4', '-O2', '-gsplit-dwarf'],
];

const places: Places & { elf: string[] } = { corpus: corpusFolder() ?? '', root, elf: [] };

afterAll(removeFolders);

describeWith([needsCorpus, 'gcc', 'readelf'], 'damaged', () => {
  beforeAll(() => {
    const gcc = requireTool('gcc');
    BUILDS.forEach((flags, i) => {
      const path = join(temporaryFolder(), `inlined-${i}`);
      execFileSync(gcc, [...flags, '-ffunction-sections', '-o', path, join(root, 'test/programs/inlined.c')]);
      places.elf.push(path);
    });
    const zstd = join(temporaryFolder(), 'inlined-zstd');
    execFileSync('objcopy', ['--compress-debug-sections=zstd', places.elf[0]!, zstd]);
    places.elf.push(zstd);
  });

  const kinds = (Object.keys(KINDS) as KindName[]).filter((kind) => KINDS[kind].share > 0);
  it.each(
    fuzzSeeds.flatMap((seed) =>
      kinds.map((kind) => ({ kind, seed, count: Math.ceil((total * KINDS[kind].share) / ALL_SHARES) })),
    ),
  )(
    'of the kind $kind, seed $seed: $count mutations give MinidumpErrors only, each within a second and in bounded memory',
    async ({ kind, seed, count }) => {
      const { failures, done, ...figures } = await attempts({ kind, seed, from: 0, count, places });
      // Shown where it fails, and to whoever looks how far from the limits it is.
      if (process.env.MDMP_FUZZ_FIGURES) console.log(kind, seed, figures);
      expect(failures).toEqual([]);
      expect(done).toBe(count);
    },
    120_000 + total * 100,
  );
});

describe('whoever watches', () => {
  it('sees what throws, is slow, wants much memory, dies or hangs, and goes on behind it', async () => {
    const job = { kind: 'trouble', seed: 1, from: 0, count: 12, places, hangs: 10_000 } as const;
    const { failures, done } = await attempts(job);
    expect(failures).toEqual([
      expect.stringMatching(`^attempt ${TROUBLE.throws}: TypeError`),
      expect.stringMatching(`^attempt ${TROUBLE.slow}: \\d+ ms`),
      expect.stringMatching(`^attempt ${TROUBLE.greedy}: \\d+ bytes of memory`),
      expect.stringMatching(`^attempt ${TROUBLE.dies}: ended the process with SIGABRT`),
      expect.stringMatching(`^attempt ${TROUBLE.hangs}: hung for 10 s`),
    ]);
    expect(done).toBe(12);
  }, 120_000);
});
