// Makes the command what it is installed as: dist/cli, a few CommonJS files in place of the 160 modules that a dump goes through.
// To find, read and link these takes Node longer than all that the command does with them; CommonJS because that loads
// in half the time. Programs that import the package get the modules, which tsc has put beside it.
// The libraries that only the command uses are part of these files; LICENSES.txt beside them has their licences.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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
  'attached-thread': 'src/targets/linux/attached/attached-thread.ts',
  'copy-thread': 'src/targets/linux/copying/copy-thread.ts',
  // Not of the command: of programs that dump themselves, which wait for it to start.
  'dump-helper': 'src/targets/linux/self/dump-helper.ts',
};
const bundled = new Set();
for (const [name, file] of Object.entries(entries)) {
  const bundle = await rolldown({
    input: { [name]: path(file) },
    external: [/^node:/, ...Object.keys({ ...dependencies, ...optionalDependencies })],
    platform: 'node',
    resolve: { extensionAlias: { '.js': ['.ts'] } },
    transform: { target: 'es2022' },
  });
  const { output } = await bundle.write({
    dir: folder,
    format: 'cjs',
    entryFileNames: '[name].js',
    // What only some commands need is in files of its own, all in one folder: they find each other by `import.meta.url`.
    chunkFileNames: '[name].js',
    comments: false,
    // Half the bytes: a tenth of the time until the command is loaded.
    minify: true,
    // For --debug; the sources themselves are not in the package.
    sourcemap: true,
    sourcemapExcludeSources: true,
  });
  await bundle.close();
  for (const { moduleIds = [] } of output) {
    for (const id of moduleIds) {
      const [, package_] = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id) ?? [];
      if (package_ !== undefined) bundled.add(package_);
    }
  }
}
const licences = [...bundled].sort().map((name) => {
  const home = path(`node_modules/${name}`);
  const file = readdirSync(home).find((one) => /^licen[cs]e/i.test(one));
  if (file === undefined) throw new Error(`${name} has no licence that could be shipped`);
  return `${name}\n\n${readFileSync(join(home, file), 'utf8').trim()}\n`;
});
writeFileSync(`${folder}/LICENSES.txt`, licences.join('\n\n'));
writeFileSync(`${folder}/package.json`, '{ "type": "commonjs" }\n');
