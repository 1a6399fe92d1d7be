import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fuzzSeeds } from '../reader/mutations.js';
import { removeFolders, temporaryFolder } from '../support/programs.js';
import { corpusFolder, describeWith, needsCorpus, requireTool, root } from '../support/tools.js';
import { attempts } from './attempts.js';
import type { Places } from './kind.js';
import { ALL_SHARES, KINDS, type KindName } from './kinds.js';

/** Attempts in all for each seed; `npm run fuzz` takes many more. */
const total = Number(process.env.MDMP_FUZZ ?? 6000);

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

  const kinds = Object.keys(KINDS) as KindName[];
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
