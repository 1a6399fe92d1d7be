// Makes the command what it is installed as: dist/cli, a few CommonJS files in place of the 160 modules that a dump goes through.
// To find, read and link these takes Node longer than all that the command does with them; CommonJS because that loads
// in half the time. Programs that import the package get the modules, which tsc has put beside it.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const { dependencies, optionalDependencies } = JSON.parse(readFileSync(path('package.json'), 'utf8'));
const folder = path('dist/cli');
rmSync(folder, { recursive: true, force: true });

// Each by itself: what both need is in both, so that the thread loads one file.
const entries = {
  main: 'src/cli/main.ts',
  'tracer-thread': 'src/targets/linux/tracer-thread.ts',
  'copy-thread': 'src/targets/linux/copying/copy-thread.ts',
};
for (const [name, file] of Object.entries(entries)) {
  const bundle = await rolldown({
    input: { [name]: path(file) },
    external: [/^node:/, ...Object.keys({ ...dependencies, ...optionalDependencies })],
    platform: 'node',
    resolve: { extensionAlias: { '.js': ['.ts'] } },
    transform: { target: 'es2022' },
  });
  await bundle.write({
    dir: folder,
    format: 'cjs',
    entryFileNames: '[name].js',
    // What only some commands need is in files of its own, all in one folder: they find each other by `import.meta.url`.
    chunkFileNames: '[name].js',
    comments: false,
    // For --debug; the sources themselves are not in the package.
    sourcemap: true,
    sourcemapExcludeSources: true,
  });
  await bundle.close();
}
writeFileSync(`${folder}/package.json`, '{ "type": "commonjs" }\n');
