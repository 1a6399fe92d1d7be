import { describe, expect, it } from 'vitest';
import { amd64, contextFromXsave } from '../../src/linux/cpu/amd64.js';
import { extendContext, xsaveLayout, xstateInfo } from '../../src/linux/xstate.js';

/** An XSAVE area as the kernel gives it, every byte beyond the header its own offset modulo 251. */
function area(size: number, xcr0: bigint, used = xcr0): Uint8Array {
  const bytes = Uint8Array.from({ length: size }, (_, i) => (i < 576 ? 0 : i % 251));
  const view = new DataView(bytes.buffer);
  view.setBigUint64(464, xcr0, true);
  view.setBigUint64(512, used, true);
  return bytes;
}

const places = (bytes: Uint8Array) => xsaveLayout(bytes).map(({ number, offset }) => [number, offset]);
const AVX512 = 0xe7n;
const PKRU = 0x200n;
const MPX = 0x18n;

describe('where the features of an XSAVE area lie', () => {
  it('is told by the enabled features and the size', () => {
    const intel = [
      [2, 576],
      [5, 1088],
      [6, 1152],
      [7, 1664],
    ];
    expect(places(area(832, 0x7n))).toEqual([[2, 576]]);
    expect(places(area(2688, AVX512))).toEqual(intel);
    expect(places(area(2696, AVX512 | PKRU))).toEqual([...intel, [9, 2688]]);
    expect(places(area(1088, 0x7n | MPX))).toEqual([
      [2, 576],
      [3, 960],
      [4, 1024],
    ]);
    // Zen 3 and Zen 4.
    expect(places(area(2440, 0x7n | PKRU))).toEqual([
      [2, 576],
      [9, 2432],
    ]);
    expect(places(area(2440, AVX512 | PKRU))).toEqual([
      [2, 576],
      [5, 832],
      [6, 896],
      [7, 1408],
      [9, 2432],
    ]);
  });

  it('is AVX alone where the size fits no known processor, or a feature is unknown', () => {
    expect(places(area(2500, AVX512))).toEqual([[2, 576]]);
    expect(places(area(2688, AVX512 | (1n << 40n)))).toEqual([[2, 576]]);
    expect(places(area(831, 0x7n))).toEqual([]);
    expect(places(area(2500, 0x3n))).toEqual([]);
    expect(places(new Uint8Array(575))).toEqual([]);
  });
});

describe('an extended context', () => {
  it('is the same from processors with different places', () => {
    // The same values at the places of Intel and of AMD.
    const intel = area(2696, AVX512 | PKRU);
    const amd = area(2440, AVX512 | PKRU);
    for (const [from, to, size] of [
      [576, 576, 256],
      [1088, 832, 64],
      [1152, 896, 512],
      [1664, 1408, 1024],
    ] as const)
      amd.set(intel.subarray(from, from + size), to);
    const registers = new BigUint64Array(27);
    expect(contextFromXsave(registers, amd)).toEqual(contextFromXsave(registers, intel));
    expect(xstateInfo(xsaveLayout(amd), 1232)).toEqual(xstateInfo(xsaveLayout(intel), 1232));
  });

  it('has zeros for a feature in its initial state, and does not claim it', () => {
    const xsave = area(2688, AVX512, 0x7n);
    const bytes = contextFromXsave(new BigUint64Array(27), xsave);
    const view = new DataView(bytes.buffer);
    expect(view.getBigUint64(1280, true)).toBe(0x4n);
    expect(view.getBigUint64(1288, true)).toBe((1n << 63n) | 0xe4n);
    expect(bytes.subarray(1344, 1344 + 256)).toEqual(xsave.subarray(576, 832));
    expect(bytes.subarray(1344 + 256).every((byte) => byte === 0)).toBe(true);
  });

  it('is the plain one where there is nothing to add', () => {
    const context = new Uint8Array(1232);
    const xsave = area(576, 0x3n);
    expect(extendContext(context, xsave, xsaveLayout(xsave))).toBe(context);
    expect(xstateInfo(xsaveLayout(xsave), 1232)).toBeUndefined();
    const plain = amd64.context({
      registers: new BigUint64Array(27),
      floatingPoint: xsave.subarray(0, 512),
      xsave,
    });
    expect(new DataView(plain.buffer).getUint32(48, true)).toBe(0x10000f);
  });
});
