import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import {
  CAPSTONE_WASM_SIZE,
  type CapstoneModule,
  capstoneDisassembler,
  capstoneFromWasm,
  type DisassembledCpu,
} from '../../../src/analysis/instruction/index.js';
import { randomNumbers } from './disassembly.js';

const require = createRequire(import.meta.url);
const wasm = readFileSync(require.resolve('@alexaltea/capstone-js/dist/capstone.wasm'));
const start = require('@alexaltea/capstone-js') as () => Promise<CapstoneModule>;

describe('capstone.wasm without the JavaScript of its package', () => {
  const module = new WebAssembly.Module(wasm);

  it('is of the build whose exports are known', () => {
    expect(wasm.length).toBe(CAPSTONE_WASM_SIZE);
    const { version } = JSON.parse(
      readFileSync(require.resolve('@alexaltea/capstone-js/package.json'), 'utf8'),
    );
    expect(version).toBe('5.0.9');
  });

  it('has the constants of the package', async () => {
    const theirs = await start();
    const { Capstone, getValue, ...constants } = capstoneFromWasm(module);
    expect(theirs).toMatchObject(constants);
    expect(Object.keys(constants)).toHaveLength(7);
  });

  it.each<[DisassembledCpu, number]>([
    ['amd64', 11],
    ['x86', 12],
    ['arm64', 13],
  ])(
    'decodes %s as with it',
    async (cpu, seed) => {
      const ours = capstoneDisassembler(capstoneFromWasm(module));
      const theirs = capstoneDisassembler(await start());
      const random = randomNumbers(seed);
      let decoded = 0;
      for (let i = 0; i < 30_000; i++) {
        const bytes = Uint8Array.from({ length: random(17) }, () => random(256));
        // High addresses as well: a branch is written with where it goes to.
        const address = (BigInt(random(2 ** 32)) << 32n) | BigInt(random(2 ** 32));
        const one = ours.decode(cpu, bytes, address);
        if (one !== undefined) decoded++;
        const other = theirs.decode(cpu, bytes, address);
        if (JSON.stringify(one, written) !== JSON.stringify(other, written)) expect(one).toEqual(other);
      }
      expect(decoded).toBeGreaterThan(cpu === 'arm64' ? 5000 : 15_000);
    },
    120_000,
  );

  it('says what failed', () => {
    const { Capstone } = capstoneFromWasm(module);
    expect(() => new Capstone(77, 0)).toThrow('Capstone: cs_open failed with code 2');
    expect(() => new Capstone(3, 8).option(1, 99)).toThrow('Capstone: cs_option failed with code');
  });
});

const written = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value);
