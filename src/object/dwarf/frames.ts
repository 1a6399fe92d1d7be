import { MinidumpError, type Task } from '../../io/index.js';
import type { CfiRow } from '../cfi.js';
import { type ElfImage, type ImageReader, PT_GNU_EH_FRAME } from '../elf.js';
import type { SymbolListener } from '../symbol-listing.js';
import { codeSpan, type DwarfFile } from './dwarf-file.js';
import type { Fde } from './frame-entry.js';
import { type FrameHeader, readFrameHeader } from './frame-header.js';
import { unwindRowAt } from './frame-program.js';
import { toCfiRow } from './frame-row.js';
import { type FrameBytes, FrameSection } from './frame-section.js';
import { FrameText } from './frame-text.js';

/** Call frame information of one module. */
export interface CallFrames {
  /** The rules at an RVA; undefined where there are none. Throws `malformed` where they are broken. */
  cfiAt(rva: number): Task<CfiRow | undefined>;
}

/** `find` gives the FDE that covers an address of the file, or another, or none. */
class Frames implements CallFrames {
  readonly #machine: number;
  readonly #pointerSize: 4 | 8;
  readonly #linkBase: number;
  readonly #find: (address: number) => Task<Fde | undefined>;

  constructor(
    module: { machine: number; pointerSize: 4 | 8; linkBase: number },
    find: (address: number) => Task<Fde | undefined>,
  ) {
    this.#machine = module.machine;
    this.#pointerSize = module.pointerSize;
    this.#linkBase = module.linkBase;
    this.#find = find;
  }

  *cfiAt(rva: number): Task<CfiRow | undefined> {
    const address = rva + this.#linkBase;
    const fde = yield* this.#find(address);
    if (fde === undefined || address < fde.start || address >= fde.end) return undefined;
    const row = unwindRowAt(fde, address, this.#pointerSize);
    return row && toCfiRow(row, fde.cie, this.#machine, this.#pointerSize);
  }
}

/** Finds by .eh_frame_hdr, and entry by entry where that is absent or broken. */
function finder(frames: FrameSection, header: FrameHeader | undefined) {
  let trusted = header;
  return function* find(address: number): Task<Fde | undefined> {
    if (trusted) {
      try {
        const at = yield* trusted.find(address);
        return at === undefined ? undefined : yield* frames.fdeAtAddress(at);
      } catch (error) {
        if (!(error instanceof MinidumpError) || error.code !== 'malformed') throw error;
        trusted = undefined;
      }
    }
    return yield* frames.find(address);
  };
}

/** `.eh_frame` of a file; undefined where it has none. */
export function* openEhFrame(file: DwarfFile): Task<CallFrames | undefined> {
  const section = file.section('.eh_frame');
  const data = section && (yield* file.data('.eh_frame'));
  if (section === undefined || data === undefined) return undefined;
  const { pointerSize } = file;
  const frames = new FrameSection(data, section.address, 'eh_frame', pointerSize);
  const headerSection = file.section('.eh_frame_hdr');
  const table = headerSection && (yield* file.data('.eh_frame_hdr'));
  let header: FrameHeader | undefined;
  if (headerSection && table) {
    try {
      header = yield* readFrameHeader(table, 0, headerSection.address, pointerSize);
    } catch (error) {
      if (!(error instanceof MinidumpError) || error.code !== 'malformed') throw error;
    }
  }
  // A header of other entries than these (a file that tools have edited) is not used.
  if (header?.frames !== section.address) header = undefined;
  return new Frames(file, finder(frames, header));
}

/** `.debug_frame` of a file; undefined where it has none. */
export function* openDebugFrame(file: DwarfFile): Task<CallFrames | undefined> {
  const data = yield* file.data('.debug_frame');
  if (data === undefined) return undefined;
  const frames = new FrameSection(data, 0, 'debug_frame', file.pointerSize);
  return new Frames(file, (address) => frames.find(address));
}

/** Tells the STACK CFI records of `.debug_frame` or `.eh_frame` of a file; nothing where it has none. */
export function* listFrames(
  file: DwarfFile,
  name: '.debug_frame' | '.eh_frame',
  listener: Pick<SymbolListener, 'cfi' | 'cfiDelta'>,
): Task<void> {
  const section = file.section(name);
  const data = section && (yield* file.data(name));
  if (section === undefined || data === undefined) return;
  const { machine, pointerSize } = file;
  const frames =
    name === '.eh_frame'
      ? new FrameSection(data, section.address, 'eh_frame', pointerSize)
      : new FrameSection(data, 0, 'debug_frame', pointerSize);
  const { base, end } = codeSpan(file);
  const text = new FrameText(machine, pointerSize, base, listener);
  yield* frames.each((fde) => {
    // Of functions that the linker has discarded, as in .debug_info.
    if (fde.start !== 0 && fde.start >= base && fde.end <= end) text.list(fde);
  });
}

/**
 * `.eh_frame` of an image as it lies in the memory of a process or a dump, through PT_GNU_EH_FRAME; undefined where it
 * has none, or its memory was not kept. Memory that is missing later is as if there were no rules.
 */
export function* openImageFrames(image: ElfImage, read: ImageReader): Task<CallFrames | undefined> {
  const segment = image.headers.find(({ type }) => type === PT_GNU_EH_FRAME);
  if (segment === undefined) return undefined;
  const linkBase = Number(image.linkBase);
  const start = Number(segment.address) - linkBase;
  const bytes: FrameBytes = {
    size: Number(image.size),
    *read(offset, length) {
      const found = offset >= 0 && length >= 0 ? yield* read(BigInt(offset), length) : undefined;
      if (found === undefined || found.length < length)
        throw new MinidumpError('memory-missing', `${length} bytes of an image at ${offset} are not there`);
      return found;
    },
  };
  const { pointerSize, machine } = image;
  const absent = (error: unknown) =>
    error instanceof MinidumpError && (error.code === 'memory-missing' || error.code === 'malformed');
  let header: FrameHeader | undefined;
  try {
    header = yield* readFrameHeader(bytes, start, linkBase + start, pointerSize);
  } catch (error) {
    if (!absent(error)) throw error;
  }
  if (header === undefined) return undefined;
  const searchable = header;
  const frames = new FrameSection(bytes, linkBase, 'eh_frame', pointerSize);
  return new Frames({ machine, pointerSize, linkBase }, function* find(address) {
    try {
      const at = yield* searchable.find(address);
      return at === undefined ? undefined : yield* frames.fdeAtAddress(at);
    } catch (error) {
      if (absent(error)) return undefined;
      throw error;
    }
  });
}
