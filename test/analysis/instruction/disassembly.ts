import type { Disassembler } from '../../../src/analysis/instruction/index.js';
import { loadDisassembler as load } from '../../../src/cli/disassembler.js';

let loaded: Promise<Disassembler> | undefined;

export function loadDisassembler(): Promise<Disassembler> {
  loaded ??= load().then((disassembler) => {
    if (!disassembler) throw new Error('@alexaltea/capstone-js is not installed; run: npm install');
    return disassembler;
  });
  return loaded;
}

/** Pseudo-random 32-bit numbers, the same for the same seed. */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
