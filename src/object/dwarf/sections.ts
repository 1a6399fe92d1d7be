import type { Task } from '../../io/index.js';
import type { SectionData } from '../section-data.js';
import type { DwarfFile } from './dwarf-file.js';

/** The sections of DWARF that are read here. Those that are absent are undefined. */
export interface DwarfSections {
  readonly info: SectionData;
  readonly abbrev: SectionData;
  readonly str?: SectionData | undefined;
  readonly lineStr?: SectionData | undefined;
  readonly strOffsets?: SectionData | undefined;
  readonly addr?: SectionData | undefined;
  readonly line?: SectionData | undefined;
  readonly ranges?: SectionData | undefined;
  readonly rnglists?: SectionData | undefined;
  readonly aranges?: SectionData | undefined;
}

/**
 * The same of a .dwo or .dwp file, which refers to addresses in the file that it was split off from; undefined where it is none.
 *
 * @param main the sections of that file
 */
export function* readSplitSections(file: DwarfFile, main: DwarfSections): Task<DwarfSections | undefined> {
  const info = yield* file.data('.debug_info.dwo');
  const abbrev = yield* file.data('.debug_abbrev.dwo');
  if (info === undefined || abbrev === undefined) return undefined;
  return {
    info,
    abbrev,
    str: yield* file.data('.debug_str.dwo'),
    strOffsets: yield* file.data('.debug_str_offsets.dwo'),
    rnglists: yield* file.data('.debug_rnglists.dwo'),
    addr: main.addr,
    ranges: main.ranges,
  };
}

/** Undefined where the file has no DWARF (or it was split off). Throws `unsupported` where nothing decompresses it. */
export function* readDwarfSections(file: DwarfFile): Task<DwarfSections | undefined> {
  const info = yield* file.data('.debug_info');
  const abbrev = yield* file.data('.debug_abbrev');
  if (info === undefined || abbrev === undefined) return undefined;
  return {
    info,
    abbrev,
    str: yield* file.data('.debug_str'),
    lineStr: yield* file.data('.debug_line_str'),
    strOffsets: yield* file.data('.debug_str_offsets'),
    addr: yield* file.data('.debug_addr'),
    line: yield* file.data('.debug_line'),
    ranges: yield* file.data('.debug_ranges'),
    rnglists: yield* file.data('.debug_rnglists'),
    aranges: yield* file.data('.debug_aranges'),
  };
}
