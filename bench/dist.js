// What was built, as programs that import the package get it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BenchError } from './error.js';
import { root } from './folders.js';

/** A module of dist/, or of the folder that MDMP_DIST names. */
export function fromDist(path) {
  const file = join(process.env.MDMP_DIST ?? join(root, 'dist'), path);
  if (!existsSync(file)) throw new BenchError(`${file} is missing; run: npm run build`);
  return import(pathToFileURL(file));
}
