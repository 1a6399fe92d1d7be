import {
  CONTEXT_EX,
  type InputOf,
  XSAVE_AREA_HEADER,
  type XSTATE_CONFIG_FEATURE_MSC_INFO,
  XStateFeature,
} from '../format/index.js';

/** Where the state of a feature lies in an XSAVE area in its standard format, in bytes from the start of the area. */
export interface XsaveFeature {
  /** Its bit in XCR0. */
  number: number;
  offset: number;
  size: number;
}

/** The x87 and SSE state, and the header behind it. */
const LEGACY_SIZE = 512;
const XSAVE_HEADER_SIZE = 64;
/** Of the 48 bytes that FXSAVE leaves to software the kernel uses the first 8: the features that it has enabled, XCR0. */
const XCR0_OFFSET = 464;
/** XSTATE_BV: the features that are not in their initial state. */
const XSTATE_BV_OFFSET = 512;
const LEGACY_FEATURES = 0b11n;
const MAX_FEATURE = 63;

type LayoutTable = Readonly<Record<number, readonly [offset: number, size: number]>>;

/**
 * Where the processors that Linux runs on keep their features. CPUID (leaf 0xD) tells, and neither JavaScript nor an ELF core
 * can ask it; but there are two families only, and the size of the area tells them apart, if every enabled feature is
 * known. gdb decides in the same way for cores. Intel's was read from CPUID (a Sapphire Rapids, up to AMX); AMD's, which
 * leaves no room for MPX, is what gdb and the kernel document for Zen 3 and 4.
 */
const LAYOUTS: readonly LayoutTable[] = [
  {
    2: [576, 256], // AVX: the upper halves of ymm0 to ymm15
    3: [960, 64], // MPX
    4: [1024, 64],
    5: [1088, 64], // AVX-512: k0 to k7
    6: [1152, 512], // the upper halves of zmm0 to zmm15
    7: [1664, 1024], // zmm16 to zmm31
    9: [2688, 8], // protection keys
    17: [2752, 64], // AMX: the shapes of the tiles
    18: [2816, 8192], // the tiles
  },
  {
    2: [576, 256],
    5: [832, 64],
    6: [896, 512],
    7: [1408, 1024],
    9: [2432, 8],
  },
];

/** What a dump holds: features that winnt.h has a number for. The tiles take 8 KiB, so only where a thread uses them. */
const ALWAYS: readonly number[] = [
  XStateFeature.XSTATE_AVX,
  XStateFeature.XSTATE_AVX512_KMASK,
  XStateFeature.XSTATE_AVX512_ZMM_H,
  XStateFeature.XSTATE_AVX512_ZMM,
];
/** XSTATE_AMX_TILE_CONFIG and XSTATE_AMX_TILE_DATA */
const TILES: readonly number[] = [17, 18];

/**
 * The features of an XSAVE area whose place is certain, ascending. `xsave` is what the kernel gives as NT_X86_XSTATE.
 * Without certainty about the others AVX alone is left: its place is the same on every processor.
 */
export function xsaveLayout(xsave: Uint8Array): XsaveFeature[] {
  if (xsave.length < LEGACY_SIZE + XSAVE_HEADER_SIZE) return [];
  const xcr0 = view(xsave).getBigUint64(XCR0_OFFSET, true);
  const enabled: number[] = [];
  for (let number = 2; number <= MAX_FEATURE; number++) {
    if (((xcr0 >> BigInt(number)) & 1n) !== 0n) enabled.push(number);
  }
  for (const layout of LAYOUTS) {
    const features = enabled.flatMap((number) => {
      const place = layout[number];
      return place === undefined ? [] : [{ number, offset: place[0], size: place[1] }];
    });
    const end = Math.max(LEGACY_SIZE + XSAVE_HEADER_SIZE, ...features.map((one) => one.offset + one.size));
    if (features.length === enabled.length && end === xsave.length) return features;
  }
  const [offset, size] = LAYOUTS[0]![XStateFeature.XSTATE_AVX]!;
  if (!enabled.includes(XStateFeature.XSTATE_AVX) || offset + size > xsave.length) return [];
  return [{ number: XStateFeature.XSTATE_AVX, offset, size }];
}

/** `FPXS` and `FPXE` (asm/sigcontext.h): before and behind the XSAVE area of a signal frame. */
const FP_XSTATE_MAGIC1 = 0x46505853;
const FP_XSTATE_MAGIC2 = 0x46505845;
/** In a signal frame struct _fpx_sw_bytes stands where NT_X86_XSTATE has XCR0. */
const MAGIC1_OFFSET = XCR0_OFFSET;
const XFEATURES_OFFSET = XCR0_OFFSET + 8;
const XSTATE_SIZE_OFFSET = XCR0_OFFSET + 16;
/** No processor comes near it: the tiles of AMX end at 11,008. */
const MAX_XSAVE_SIZE = 64 * 1024;

/** Bytes to read of the state that a signal frame points to, from its first 512: only those, or all of XSAVE and the mark behind it. */
export function frameStateSize(fxsave: Uint8Array): number {
  const fields = view(fxsave);
  const size = fields.getUint32(XSTATE_SIZE_OFFSET, true);
  const whole = fields.getUint32(MAGIC1_OFFSET, true) === FP_XSTATE_MAGIC1;
  return whole && size >= LEGACY_SIZE + XSAVE_HEADER_SIZE && size <= MAX_XSAVE_SIZE ? size + 4 : LEGACY_SIZE;
}

/** The XSAVE area of a signal frame in the form of NT_X86_XSTATE; undefined where the frame has FXSAVE alone. */
export function xsaveOfFrame(state: Uint8Array): Uint8Array | undefined {
  const size = state.length - 4;
  if (state.length <= LEGACY_SIZE || frameStateSize(state) !== state.length) return undefined;
  const fields = view(state);
  if (fields.getUint32(size, true) !== FP_XSTATE_MAGIC2) return undefined;
  const xsave = state.slice(0, size);
  view(xsave).setBigUint64(XCR0_OFFSET, fields.getBigUint64(XFEATURES_OFFSET, true), true);
  return xsave;
}

/**
 * How the contexts of a dump are extended: XStateData of MINIDUMP_MISC_INFO_5. Undefined if there is nothing to add to
 * them.
 *
 * @param contextSize of the CONTEXT itself
 */
export function xstateInfo(
  layout: readonly XsaveFeature[],
  contextSize: number,
): InputOf<typeof XSTATE_CONFIG_FEATURE_MSC_INFO> | undefined {
  const features = packed(stored(layout, true));
  if (features.length === 0) return undefined;
  const Features = Array.from({ length: 64 }, () => ({ Offset: 0, Size: 0 }));
  Features[XStateFeature.XSTATE_LEGACY_FLOATING_POINT] = { Offset: 0, Size: 160 };
  Features[XStateFeature.XSTATE_LEGACY_SSE] = { Offset: 160, Size: 256 };
  for (const { number, to, size } of features) Features[number] = { Offset: to, Size: size };
  const end = features.at(-1)!.to + features.at(-1)!.size;
  return {
    SizeOfInfo: 16 + 64 * 8,
    ContextSize: areaOffset(contextSize) + end - LEGACY_SIZE,
    EnabledFeatures: LEGACY_FEATURES | maskOf(features),
    Features,
  };
}

/**
 * A context, followed by its CONTEXT_EX and the XSAVE area without the 512 legacy bytes, which are in the context itself. The area is
 * packed, as DbgHelp writes it: one feature after the other, in the order of their numbers, whatever the processor's
 * own places are. So `Offset` of XStateData and the rule for packed areas lead to the same bytes.
 */
export function extendContext(
  context: Uint8Array,
  xsave: Uint8Array,
  layout: readonly XsaveFeature[],
): Uint8Array {
  const used = view(xsave).getBigUint64(XSTATE_BV_OFFSET, true);
  const isUsed = (number: number) => ((used >> BigInt(number)) & 1n) !== 0n;
  const features = packed(stored(layout, TILES.some(isUsed)));
  if (features.length === 0) return context;
  const area = areaOffset(context.length);
  const length = features.at(-1)!.to + features.at(-1)!.size - LEGACY_SIZE;
  const bytes = new Uint8Array(area + length);
  bytes.set(context);
  // Offsets count from the CONTEXT_EX.
  bytes.set(
    CONTEXT_EX.encode({
      All: { Offset: -context.length, Length: bytes.length },
      Legacy: { Offset: -context.length, Length: context.length },
      XState: { Offset: area - context.length, Length: length },
    }),
    context.length,
  );
  const mask = maskOf(features);
  bytes.set(
    XSAVE_AREA_HEADER.encode({
      Mask: used & mask,
      CompactionMask: (1n << 63n) | mask,
      Reserved2: [0n, 0n, 0n, 0n, 0n, 0n],
    }),
    area,
  );
  for (const { number, offset, size, to } of features) {
    // A feature that is in its initial state is all zeros, whatever lies at its place.
    if (!isUsed(number)) continue;
    bytes.set(xsave.subarray(offset, offset + size), area + to - LEGACY_SIZE);
  }
  return bytes;
}

/** Where the XSAVE area begins: behind the CONTEXT_EX, at a multiple of 64 as the processor wants it. */
function areaOffset(contextSize: number): number {
  return Math.ceil((contextSize + CONTEXT_EX.size) / 64) * 64;
}

function stored(layout: readonly XsaveFeature[], tiles: boolean): XsaveFeature[] {
  return layout.filter(({ number }) => ALWAYS.includes(number) || (tiles && TILES.includes(number)));
}

/** The features with their places in a packed area. All of these sizes are multiples of 64, so none needs to be aligned. */
function packed(features: readonly XsaveFeature[]): (XsaveFeature & { to: number })[] {
  let to = LEGACY_SIZE + XSAVE_HEADER_SIZE;
  return features.map((feature) => {
    const placed = { ...feature, to };
    to += feature.size;
    return placed;
  });
}

function maskOf(features: readonly XsaveFeature[]): bigint {
  return features.reduce((mask, { number }) => mask | (1n << BigInt(number)), 0n);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
