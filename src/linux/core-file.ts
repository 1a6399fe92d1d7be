import { MinidumpError, readRange, type Source, type Task } from '../io/index.js';
import { PT_LOAD, PT_NOTE, parseProgramHeaders } from '../object/elf.js';
import { type CoreNotes, noCoreNotes, readCoreNotes } from './core-notes.js';
import { Problems } from './problems.js';

/** Memory of the process that an ELF core speaks of: a PT_LOAD. */
export interface CoreSegment {
  start: bigint;
  end: bigint;
  /** Up to here the core holds the bytes; from there on it has none. */
  dataEnd: bigint;
  /** Where in the core they are. */
  fileOffset: number;
  /** PF_R 4, PF_W 2, PF_X 1. */
  flags: number;
}

/** What an ELF core of an x86-64 process says before its memory. */
export interface CoreFile {
  /** Ascending; they do not overlap. */
  segments: CoreSegment[];
  notes: CoreNotes;
  /** Bytes that the core should have, by its headers. */
  expectedSize: bigint;
  /** What is wrong with it, a line each. */
  problems: readonly string[];
}

const HEADER_SIZE = 64;
const PROGRAM_HEADER_SIZE = 56;
const SECTION_HEADER_SIZE = 64;
const ET_CORE = 4;
const EM_X86_64 = 62;
/** e_phnum does not hold more than 16 bits: then sh_info of the first section header has the number (elf(5)). */
const PN_XNUM = 0xffff;
/** vm.max_map_count is 65,530 unless someone raises it. */
const MAX_HEADERS = 1 << 20;
const HEADERS_AT_ONCE = 16 * 1024;
const MAX_NOTE_SEGMENTS = 64;

/** elf.h, as far as Linux runs on them. */
const MACHINES: Readonly<Record<number, string>> = {
  2: 'SPARC',
  3: 'x86 (32 bits)',
  4: 'm68k',
  8: 'MIPS',
  15: 'PA-RISC',
  20: 'PowerPC',
  21: 'PowerPC64',
  22: 'S/390',
  40: 'ARM',
  42: 'SuperH',
  43: 'SPARC64',
  50: 'IA-64',
  183: 'ARM64',
  243: 'RISC-V',
  258: 'LoongArch',
};
const KINDS: Readonly<Record<number, string>> = {
  1: 'an object file',
  2: 'a program',
  3: 'a program or a shared library',
};

/**
 * Reads header, program headers and notes of an ELF core, in that order: a core that comes through a pipe needs no more than
 * its beginning for it, as the kernel writes them first.
 *
 * @throws MinidumpError `not-a-core`, `unsupported` for another processor or system, `truncated` if not even the headers are there
 */
export function* readCoreFile(source: Source): Task<CoreFile> {
  const ident = yield* readRange(source, 0, Math.min(HEADER_SIZE, source.size), 'ELF header');
  checkHeader(ident);
  const header = new DataView(ident.buffer, ident.byteOffset, ident.byteLength);
  const problems = new Problems();
  const table = Number(header.getBigUint64(32, true));
  const count = yield* headerCount(source, header);
  const available = Math.max(0, Math.min(count, Math.floor((source.size - table) / PROGRAM_HEADER_SIZE)));
  if (available === 0) {
    throw new MinidumpError('truncated', 'the core ends before its program headers', {
      advice: 'It was cut very early (a full disk, ulimit -c); there is nothing in it to convert.',
    });
  }
  if (available < count)
    problems.add(`the core ends in its program headers: ${available} of ${count} are there`);
  const taken = Math.min(available, MAX_HEADERS);
  if (taken < available) problems.add(`only the first ${taken} of ${count} program headers were read`);

  const loads: CoreSegment[] = [];
  const notes = noCoreNotes(problems);
  const noteRanges: { start: number; end: number }[] = [];
  let expectedSize = BigInt(table) + BigInt(count * PROGRAM_HEADER_SIZE);
  for (let first = 0; first < taken; first += HEADERS_AT_ONCE) {
    const some = Math.min(HEADERS_AT_ONCE, taken - first);
    const at = table + first * PROGRAM_HEADER_SIZE;
    const bytes = yield* readRange(source, at, some * PROGRAM_HEADER_SIZE, 'program headers of the core');
    for (const { type, flags, offset, address, fileSize, memorySize } of parseProgramHeaders(bytes, some)) {
      if (type !== PT_LOAD && type !== PT_NOTE) continue;
      if (offset + fileSize > expectedSize) expectedSize = offset + fileSize;
      const size = BigInt(source.size);
      const start = Number(offset < size ? offset : size);
      const end = Number(offset + fileSize < size ? offset + fileSize : size);
      if (type === PT_NOTE) {
        if (noteRanges.length < MAX_NOTE_SEGMENTS) noteRanges.push({ start, end: Math.max(start, end) });
        continue;
      }
      const held = BigInt(Math.max(0, end - start));
      let length = memorySize;
      if (length < fileSize) length = fileSize;
      if (length === 0n) continue;
      if (address + length >= 1n << 64n) {
        problems.add(
          `a segment at 0x${address.toString(16)} reaches past the end of memory and was left out`,
        );
        continue;
      }
      loads.push({
        start: address,
        end: address + length,
        dataEnd: address + held,
        fileOffset: start,
        flags,
      });
    }
  }
  for (const { start, end } of noteRanges) yield* readCoreNotes(source, start, end, notes);
  return {
    segments: withoutSharedBytes(withoutOverlaps(loads, problems), problems),
    notes,
    expectedSize,
    problems: problems.lines,
  };
}

function checkHeader(ident: Uint8Array): void {
  const view = new DataView(ident.buffer, ident.byteOffset, ident.byteLength);
  if (ident.length < 4 || view.getUint32(0, false) !== 0x7f454c46) {
    const dump = ident.length >= 4 && view.getUint32(0, false) === 0x4d444d50;
    throw new MinidumpError(
      'not-a-core',
      dump ? 'this is a minidump, not an ELF core' : 'this is not an ELF core',
      {
        expected: 'a file that begins with 7f 45 4c 46',
        found:
          [...ident.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ') || 'nothing',
      },
    );
  }
  if (ident.length < HEADER_SIZE) throw new MinidumpError('truncated', 'the core ends inside its ELF header');
  const [bits, order] = [ident[4], ident[5]];
  const type = view.getUint16(16, order === 1);
  const machine = view.getUint16(18, order === 1);
  if (type !== ET_CORE) {
    throw new MinidumpError(
      'not-a-core',
      `this ELF file is ${KINDS[type] ?? `of type ${type}`}, not a core`,
      {
        advice: 'Give the core that the kernel, gcore or systemd-coredump wrote.',
      },
    );
  }
  if (machine !== EM_X86_64 || bits !== 2 || order !== 1) {
    const name = machine === EM_X86_64 ? 'x86-64 with 32-bit addresses (x32)' : MACHINES[machine];
    throw new MinidumpError(
      'unsupported',
      `this core is of ${name ?? `a machine (e_machine ${machine})`}; cores of x86-64 can be converted`,
      {
        expected: 'e_machine 62, 64 bits, little endian',
        found: `e_machine ${machine}, ${bits === 1 ? 32 : 64} bits, ${order === 2 ? 'big' : 'little'} endian`,
      },
    );
  }
  // ELFOSABI_NONE and ELFOSABI_GNU; FreeBSD's cores have 9, and other notes.
  if (ident[7] !== 0 && ident[7] !== 3) {
    throw new MinidumpError(
      'unsupported',
      `this core is of another system than Linux (EI_OSABI ${ident[7]})`,
    );
  }
  if (view.getUint16(54, true) !== PROGRAM_HEADER_SIZE) {
    throw new MinidumpError('malformed', `program headers of ${view.getUint16(54, true)} bytes`, {
      expected: String(PROGRAM_HEADER_SIZE),
      found: String(view.getUint16(54, true)),
    });
  }
}

function* headerCount(source: Source, header: DataView): Task<number> {
  const count = header.getUint16(56, true);
  if (count !== PN_XNUM) return count;
  const at = Number(header.getBigUint64(40, true));
  if (at + SECTION_HEADER_SIZE > source.size) {
    throw new MinidumpError(
      'truncated',
      'the core has more than 65,534 memory segments, and ends before it says how many',
    );
  }
  const section = yield* readRange(source, at, SECTION_HEADER_SIZE, 'section header of the core');
  return new DataView(section.buffer, section.byteOffset).getUint32(44, true);
}

/** Ascending; where two segments claim the same memory, the first one has it. */
function withoutOverlaps(loads: CoreSegment[], problems: Problems): CoreSegment[] {
  loads.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const kept: CoreSegment[] = [];
  let overlaps = 0;
  let end = 0n;
  for (const load of loads) {
    if (load.start < end) {
      overlaps++;
      if (load.end <= end) continue;
      load.fileOffset += Number(end - load.start);
      load.start = end;
      if (load.dataEnd < end) load.dataEnd = end;
    }
    kept.push(load);
    end = load.end;
  }
  if (overlaps > 0) problems.add(`${overlaps} segments overlap others in memory; the lower one counts`);
  return kept;
}

/** No honest core stores two parts of memory in the same bytes: they could make a dump of any size from a small file. */
function withoutSharedBytes(segments: CoreSegment[], problems: Problems): CoreSegment[] {
  let shared = 0;
  let end = 0;
  const byOffset = segments
    .filter(({ start, dataEnd }) => dataEnd > start)
    .sort((a, b) => a.fileOffset - b.fileOffset);
  for (const segment of byOffset) {
    if (segment.fileOffset < end) {
      shared++;
      segment.dataEnd = segment.start;
    } else end = segment.fileOffset + Number(segment.dataEnd - segment.start);
  }
  if (shared > 0)
    problems.add(
      `${shared} segments claim bytes of the core that are another one's; their memory is left out`,
    );
  return segments;
}
