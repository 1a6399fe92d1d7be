import { capstoneDisassembler, type Disassembler } from '../../../src/analysis/instruction/index.js';

/** A variable, because the package has no types. */
const capstone: string = '@alexaltea/capstone-js';
let loaded: Promise<Disassembler> | undefined;

export function loadDisassembler(): Promise<Disassembler> {
  loaded ??= import(capstone).then(async ({ default: MCapstone }) => capstoneDisassembler(await MCapstone()));
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
