import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './tools.js';

const VIRTUAL = 'mdmp-test-entry.ts';

/**
 * One script of a piece of source that stands in test/ and imports what it needs, `mdmp` by its name as users do. For a browser a
 * module of Node in it is an error, and so is a package that is not found.
 */
export async function bundle(source: string, platform: 'browser' | 'node'): Promise<string> {
  const entry = join(root, 'test', VIRTUAL);
  const made = await rolldown({
    input: entry,
    cwd: root,
    platform,
    external: platform === 'node' ? [/^node:/] : [],
    resolve: {
      extensionAlias: { '.js': ['.ts', '.js'] },
      conditionNames: platform === 'browser' ? ['browser', 'import'] : ['node', 'import'],
    },
    transform: { target: 'es2022' },
    // package.json says that no module does anything by itself: those of tests do.
    treeshake: { moduleSideEffects: (id) => id.startsWith(join(root, 'test')) || undefined },
    onLog: (level, log) => {
      if (level === 'warn') throw new Error(log.message);
    },
    plugins: [
      {
        name: 'entry',
        resolveId(id, importer) {
          if (id === entry) return id;
          if (platform === 'browser' && (id.startsWith('node:') || builtinModules.includes(id)))
            throw new Error(`${importer} imports ${id}, which no browser has`);
          return null;
        },
        load: (id) => (id === entry ? source : null),
      },
    ],
  });
  try {
    const { output } = await made.generate({
      format: platform === 'browser' ? 'iife' : 'esm',
      name: 'bundle',
    });
    if (output.length !== 1) throw new Error(`${output.length} files instead of one`);
    return output[0].code;
  } finally {
    await made.close();
  }
}
