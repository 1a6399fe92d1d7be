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
const external = [/^node:/, ...Object.keys({ ...dependencies, ...optionalDependencies })];

/** Of packages, what is in the files. */
const bundled = new Set();

/** One bundle: a file, and those that only some of its work needs. */
async function bundle(name, file, output) {
  const built = await rolldown({
    input: { [name]: path(file) },
    external,
    platform: 'node',
    resolve: { extensionAlias: { '.js': ['.ts'] } },
    transform: { target: 'es2022' },
  });
  const { output: files } = await built.write({
    entryFileNames: '[name].js',
    // What only some commands need is in files of its own, all in one folder: they find each other by `import.meta.url`.
    chunkFileNames: '[name].js',
    comments: false,
    // Half the bytes: a tenth of the time until the command is loaded.
    minify: true,
    // For --debug; the sources themselves are not in the package.
    sourcemap: true,
    sourcemapExcludeSources: true,
    ...output,
  });
  await built.close();
  for (const { moduleIds = [] } of files) {
    for (const id of moduleIds) {
      const [, package_] = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id) ?? [];
      if (package_ !== undefined) bundled.add(package_);
    }
  }
}

// Each by itself: what both need is in both, so that the thread loads one file.
const threads = {
  'tracer-thread': 'src/targets/linux/tracer-thread.ts',
  'attached-thread': 'src/targets/linux/attached/attached-thread.ts',
  'copy-thread': 'src/targets/linux/copying/copy-thread.ts',
};
const programs = {
  // The helpers are not of the command: they are of programs that dump themselves, which wait for it to start.
  'dist/cli': {
    main: 'src/cli/main.ts',
    'dump-helper': 'src/targets/linux/self/dump-helper.ts',
    'windows-dump-helper': 'src/targets/windows/self/dump-helper.ts',
    'windows-guard': 'src/targets/windows/guard/main.ts',
  },
  'dist/register/watcher': { main: 'src/register/watcher/main.ts' },
};
for (const [folder, entries] of Object.entries(programs)) {
  rmSync(path(folder), { recursive: true, force: true });
  for (const [name, file] of Object.entries({ ...entries, ...threads })) {
    await bundle(name, file, { dir: path(folder), format: 'cjs' });
  }
  writeFileSync(path(`${folder}/package.json`), '{ "type": "commonjs" }\n');
}

// What a service loads before its own program: one file, in which it may wait (MDMP_WAIT). The types stay.
for (const name of readdirSync(path('dist/register'))) {
  if (name.endsWith('.js')) rmSync(path(`dist/register/${name}`));
}
await bundle('index', 'src/register/index.ts', { dir: path('dist/register'), format: 'esm' });

// Code that V8 has cached cannot import() (src/cli/code-cache.ts). Callbacks are loaded by commands whose code is not kept.
for (const name of readdirSync(path('dist/cli'))) {
  if (!name.endsWith('.js') || name === 'load-callback.js') continue;
  const source = readFileSync(path(`dist/cli/${name}`), 'utf8');
  if (/[^\w.$]import\(/.test(source))
    throw new Error(`dist/cli/${name} has an import() that would fail in cached code`);
}

const licences = [...bundled].sort().map((name) => {
  const home = path(`node_modules/${name}`);
  const file = readdirSync(home).find((one) => /^licen[cs]e/i.test(one));
  if (file === undefined) throw new Error(`${name} has no licence that could be shipped`);
  return `${name}\n\n${readFileSync(join(home, file), 'utf8').trim()}\n`;
});
writeFileSync(path('dist/cli/LICENSES.txt'), licences.join('\n\n'));
