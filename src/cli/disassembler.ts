import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  type CapstoneModule,
  capstoneDisassembler,
  type Disassembler,
} from '../analysis/instruction/index.js';

type StartCapstone = (options: {
  instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void): void;
}) => Promise<CapstoneModule>;

const PACKAGE = '@alexaltea/capstone-js';

/** Loads Capstone, 3.6 MB; undefined where the optional package is not installed. */
export async function loadDisassembler(): Promise<Disassembler | undefined> {
  const require = createRequire(import.meta.url);
  let start: StartCapstone;
  try {
    start = require(PACKAGE) as StartCapstone;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
  const file = join(dirname(require.resolve(PACKAGE)), 'capstone.wasm');
  const capstone = await start({
    // The package would copy the 3.3 MB once more, and have all functions compiled by other threads; a few hundred are called.
    instantiateWasm: (imports, done) =>
      done(new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), imports)),
  });
  return capstoneDisassembler(capstone);
}
