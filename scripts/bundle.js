import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const folder = path('dist/cli');
rmSync(folder, { recursive: true, force: true });
for (const [name, file] of [
  ['main', 'src/cli/main.ts'],
  ['tracer-thread', 'src/targets/linux/tracer-thread.ts'],
]) {
  const bundle = await rolldown({
    input: { [name]: path(file) },
    external: [/^node:/, 'commander', 'fzstd', 'picocolors', 'koffi'],
    platform: 'node',
    resolve: { extensionAlias: { '.js': ['.ts'] } },
    transform: { target: 'es2022' },
  });
  await bundle.write({
    dir: folder,
    format: 'cjs',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    sourcemap: true,
    sourcemapExcludeSources: true,
  });
  await bundle.close();
}
writeFileSync(`${folder}/package.json`, '{ "type": "commonjs" }\n');
