import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { BytesSource, MinidumpError, runSync } from '../../../src/io/index.js';
import {
  isMachO,
  type MachFile,
  MachFunctions,
  machDebugInformation,
  readSlices,
} from '../../../src/object/macho/index.js';
import { temporaryFolder } from '../../support/programs.js';
import { describeWith, needsCorpus } from '../../support/tools.js';
import { machWith } from './made-up.js';
import { crash, crashDebug, machProgram, machTools, openMach, output } from './programs.js';

const codeOf = (act: () => unknown) => {
  try {
    act();
  } catch (error) {
    if (error instanceof MinidumpError) return error.code;
    throw error;
  }
  return 'nothing';
};

describeWith([needsCorpus], 'a program of macOS and its dSYM', () => {
  it('have the identifiers that Breakpad gives them', () => {
    for (const [path, isDebugFile] of [
      [crash, false],
      [crashDebug, true],
    ] as const) {
      const file = openMach(path);
      expect(isMachO(readFileSync(path))).toBe(true);
      expect(file).toMatchObject({
        // The MODULE record of crash.sym.
        debugIdentifier: '67E9247C814E392BA027DBDE6748FCBF0',
        codeIdentifier: '67e9247c814e392ba027dbde6748fcbf',
        architecture: 'x86_64',
        cpu: 'amd64',
        pointerSize: 8,
        isDebugFile,
        linkBase: 0x1_0000_0000,
        imageSize: 0x11000,
      });
      expect(file.isIdentifiedBy('67E9247C-814E-392B-A027-DBDE6748FCBF')).toBe(true);
      expect(file.isIdentifiedBy('67E9247C814E392BA027DBDE6748FCBE0')).toBe(false);
    }
    expect(openMach(crash).buildVersion).toEqual({
      platform: 'macos',
      minimumSystem: '10.12.0',
      sdk: '10.12.0',
    });
  });

  it('a dSYM has no bytes of code, and says where it is', () => {
    const file = openMach(crashDebug);
    expect(file.section('.text')).toMatchObject({ address: 0x1_0000_0d20, isCode: true });
    expect(runSync(file.data('.text'))).toBeUndefined();
    expect(runSync(openMach(crash).read(0xd20, 2))).toEqual(
      runSync(openMach(crash).data('.text'))!.slice(0, 2) &&
        new Uint8Array(readFileSync(crash).subarray(0xd20, 0xd22)),
    );
  });

  it('compressed sections (__zdebug) say the same', () => {
    const plain = openMach(crashDebug);
    const sections = plain.commands.sections
      .filter(({ segment }) => segment === '__DWARF')
      .map((section) => {
        const data = runSync(plain.data(section))!;
        const bytes = runSync(data.read(0, data.size));
        const head = Buffer.alloc(12);
        head.write('ZLIB');
        head.writeBigUInt64BE(BigInt(bytes.length), 4);
        const name = section.name.replace('__', '__z').slice(0, 16);
        return { segment: '__DWARF', name, bytes: Buffer.concat([head, deflateSync(bytes)]) };
      });
    expect(sections.length).toBeGreaterThan(5);
    const bytes = machWith(sections);
    const packed = machDebugInformation({ module: openMach(bytes) });
    const unpacked = machDebugInformation({ module: plain });
    for (let rva = 0xd20; rva < 0x3000; rva += 0x101)
      expect(runSync(packed.functionAt(rva))?.line).toBe(runSync(unpacked.functionAt(rva))?.line);
    expect(runSync(packed.functionAt(0xd6c))).toMatchObject({ line: 101, start: 0xd60 });
    const nothing = machDebugInformation({ module: openMach(bytes, { decompress: {} }) });
    expect(runSync(nothing.functionAt(0xd6c))).toBeUndefined();
    expect(nothing.problems.map(({ code }) => code)).toEqual(['unsupported']);
  });
});

describeWith([...machTools, 'llvm-lipo-19'], 'a universal file', () => {
  it.each([[], ['-fat64']])('%s', async (...flags) => {
    const parts = [(await machProgram('x86_64')).module, (await machProgram('arm64')).module];
    const path = join(temporaryFolder(), 'both');
    await output('llvm-lipo-19', [...parts, '-create', ...flags, '-output', path]);
    const [intel, arm] = parts.map((part) => openMach(part));
    expect(isMachO(readFileSync(path))).toBe(true);
    const slices = runSync(readSlices(new BytesSource(readFileSync(path))))!;
    expect(slices.map(({ architecture }) => architecture)).toEqual(['x86_64', 'arm64']);
    expect(openMach(path, { cpu: 'amd64' }).debugIdentifier).toBe(intel!.debugIdentifier);
    expect(openMach(path, { cpu: 'arm64' }).debugIdentifier).toBe(arm!.debugIdentifier);
    expect(openMach(path, { identifier: arm!.debugIdentifier }).architecture).toBe('arm64');
    expect(codeOf(() => openMach(path))).toBe('unsupported');
    expect(codeOf(() => openMach(path, { cpu: 'ppc' }))).toBe('unsupported');
    // Each is read as by itself.
    const names = (file: MachFile) =>
      runSync(runSync(MachFunctions.open(file, new Uint32Array()))!.all()).map(({ name }) => name);
    expect(names(openMach(path, { cpu: 'arm64' }))).toEqual(names(arm!));
  });
});

describeWith(['yaml2obj-19'], 'a file of a PowerPC', () => {
  it('big-endian, 32 bits: identifier and symbols', async () => {
    const yaml = join(temporaryFolder(), 'ppc.yaml');
    writeFileSync(yaml, POWERPC);
    await output('yaml2obj-19', [yaml, '-o', `${yaml}.o`]);
    const file = openMach(`${yaml}.o`);
    expect(file).toMatchObject({
      cpu: 'ppc',
      littleEndian: false,
      pointerSize: 4,
      debugIdentifier: '00112233445566778899AABBCCDDEEFF0',
      linkBase: 0x1000,
    });
    const information = machDebugInformation({ module: file });
    expect(runSync(information.functionAt(0x104))).toMatchObject({ name: 'first', start: 0x100 });
    expect(runSync(information.functionAt(0x108))).toMatchObject({ name: 'second', start: 0x108 });
    expect(runSync(information.functionAt(0x110))).toBeUndefined();
    expect(runSync(information.cfiAt(0x108))).toBeUndefined();
    expect(information.problems.map(({ code }) => code)).toContain('unsupported');
  });
});

describe('what is no Mach-O file', () => {
  it.each([
    ['nothing', []],
    [
      'a class file of Java',
      [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ],
    ['ELF', [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, ...new Array(40).fill(0)]],
  ])('%s', (_name, bytes) => {
    expect(isMachO(Uint8Array.from(bytes))).toBe(false);
    expect(codeOf(() => openMach(Uint8Array.from(bytes)))).toBe('malformed');
  });

  it('commands that reach past their end are malformed', () => {
    const bytes = machWith([{ segment: '__TEXT', name: '__text', bytes: new Uint8Array(16), isCode: true }]);
    expect(openMach(bytes).commands.sections).toHaveLength(1);
    for (const [at, value] of [
      [16, 2],
      [36, 7],
      [36, 0xffff],
      [96, 2],
    ] as const) {
      const broken = bytes.slice();
      new DataView(broken.buffer).setUint32(at, value, true);
      expect(
        codeOf(() => openMach(broken)),
        `${value} at ${at}`,
      ).toBe('malformed');
    }
  });
});

const POWERPC = `--- !mach-o
IsLittleEndian: false
FileHeader:
  magic: 0xFEEDFACE
  cputype: 0x12
  cpusubtype: 0
  filetype: 2
  ncmds: 4
  sizeofcmds: 352
  flags: 0
LoadCommands:
  - cmd: LC_SEGMENT
    cmdsize: 192
    segname: __TEXT
    vmaddr: 0x1000
    vmsize: 0x1000
    fileoff: 0
    filesize: 420
    maxprot: 5
    initprot: 5
    nsects: 2
    flags: 0
    Sections:
      - sectname: __text
        segname: __TEXT
        addr: 0x1100
        size: 16
        offset: 380
        align: 2
        reloff: 0
        nreloc: 0
        flags: 0x80000400
        reserved1: 0
        reserved2: 0
        reserved3: 0
        content: 4E8000204E8000204E8000204E800020
      - sectname: __eh_frame
        segname: __TEXT
        addr: 0x1110
        size: 4
        offset: 396
        align: 2
        reloff: 0
        nreloc: 0
        flags: 0
        reserved1: 0
        reserved2: 0
        reserved3: 0
        content: '00000000'
  - cmd: LC_SEGMENT
    cmdsize: 56
    segname: __LINKEDIT
    vmaddr: 0x2000
    vmsize: 0x1000
    fileoff: 420
    filesize: 40
    maxprot: 1
    initprot: 1
    nsects: 0
    flags: 0
  - cmd: LC_SYMTAB
    cmdsize: 24
    symoff: 420
    nsyms: 2
    stroff: 444
    strsize: 16
  - cmd: LC_UUID
    cmdsize: 24
    uuid: 00112233-4455-6677-8899-AABBCCDDEEFF
LinkEditData:
  NameList:
    - n_strx: 1
      n_type: 0x0F
      n_sect: 1
      n_desc: 0
      n_value: 0x1100
    - n_strx: 8
      n_type: 0x0E
      n_sect: 1
      n_desc: 0
      n_value: 0x1108
  StringTable:
    - ''
    - _first
    - _second
...
`;
