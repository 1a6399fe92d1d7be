import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { corpusFolder } from '../support/tools.js';

const folders = ['breakpad', 'rust-minidump', 'symbolicator'];

/** Every dump of the corpus, as `breakpad/minidump2.dmp`. None where there is no corpus. */
export function corpusDumps(): string[] {
  const corpus = corpusFolder();
  if (!corpus) return [];
  return folders.flatMap((folder) =>
    readdirSync(join(corpus, folder))
      .filter((name) => name.endsWith('.dmp'))
      .map((name) => `${folder}/${name}`),
  );
}

export function corpusPath(name: string): string {
  return join(corpusFolder()!, name);
}

export function corpusBytes(name: string): Uint8Array {
  return new Uint8Array(readFileSync(corpusPath(name)));
}

export function corpusText(name: string): string {
  return readFileSync(corpusPath(name), 'utf8');
}
