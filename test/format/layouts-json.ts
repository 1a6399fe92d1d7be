import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { corpusFolder, type Need } from '../support/tools.js';

export interface MeasuredField {
  offset: number;
  size: number;
  type: string;
  fields?: Record<string, MeasuredField>;
}
export interface MeasuredStructure {
  size: number;
  fields: Record<string, MeasuredField>;
}
export interface MeasuredEnum {
  values: Record<string, number>;
  docs_values?: Record<string, number>;
}
export type Target = 'x86_64' | 'i686' | 'aarch64' | 'armv7' | 'breakpad' | 'crashpad';
export type Layouts = Record<Target, Record<string, MeasuredStructure>> & {
  enums: Record<string, MeasuredEnum>;
};

/** Structures and enums as compilers measured them: reference/layouts.json beside the corpus. */
const file = join(dirname(corpusFolder() ?? ''), 'reference', 'layouts.json');
const found = corpusFolder() !== undefined && existsSync(file);

export const needsLayouts: Need = { missing: found ? undefined : 'reference/layouts.json beside the corpus' };

export function readLayouts(): Layouts {
  if (!found) throw new Error('reference/layouts.json is missing');
  return JSON.parse(readFileSync(file, 'utf8')) as Layouts;
}
