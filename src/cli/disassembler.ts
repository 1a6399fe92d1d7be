import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  CAPSTONE_WASM_SIZE,
  type CapstoneModule,
  capstoneDisassembler,
  capstoneFromWasm,
  type Disassembler,
} from '../analysis/instruction/index.js';

type StartCapstone = () => Promise<CapstoneModule>;

const PACKAGE = '@alexaltea/capstone-js';

/**
 * Loads Capstone, 3.3 MB; undefined where the optional package is not installed. It is compiled by other threads, so what is done before
 * it is waited for costs no time.
 */
export function loadDisassembler(): Promise<Disassembler | undefined> {
  const loading = load();
  // Who waits for it hears what went wrong; it is no unhandled rejection if something else fails before.
  loading.catch(() => {});
  return loading;
}

async function load(): Promise<Disassembler | undefined> {
  const require = createRequire(import.meta.url);
  try {
    const wasm = readFileSync(require.resolve(`${PACKAGE}/dist/capstone.wasm`));
    if (wasm.length === CAPSTONE_WASM_SIZE)
      return capstoneDisassembler(capstoneFromWasm(await WebAssembly.compile(wasm)));
    const start = require(PACKAGE) as StartCapstone;
    return capstoneDisassembler(await start());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
