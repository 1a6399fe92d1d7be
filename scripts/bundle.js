import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const path = (relative) => fileURLToPath(new URL(`../${relative}`, import.meta.url));
const folder = path('dist/cli');
rmSync(folder, { recursive: true, force: true });
const bundle = await rolldown({
  input: { main: path('src/cli/main.ts'), 'tracer-thread': path('src/targets/linux/tracer-thread.ts') },
  external: [/^node:/, 'commander', 'fzstd', 'picocolors', 'koffi'],
  platform: 'node',
  resolve: { extensionAlias: { '.js': ['.ts'] } },
  transform: { target: 'es2022' },
});
await bundle.write({
  dir: folder,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  sourcemap: true,
  sourcemapExcludeSources: true,
});
await bundle.close();
