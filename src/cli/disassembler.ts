import { createRequire } from 'node:module';
import {
  type CapstoneModule,
  capstoneDisassembler,
  type Disassembler,
} from '../analysis/instruction/index.js';

type StartCapstone = (options?: object) => Promise<CapstoneModule>;

/** Loads Capstone, 3.6 MB; undefined where the optional package is not installed. */
export async function loadDisassembler(): Promise<Disassembler | undefined> {
  let start: StartCapstone;
  try {
    start = createRequire(import.meta.url)('@alexaltea/capstone-js') as StartCapstone;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
  return capstoneDisassembler(await start());
}
