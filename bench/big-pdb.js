// A large PDB, and what it takes to open it for one stack:
//
//     node bench/big-pdb.js write FILE [MB]     1000 MB: modules with procedures, inlined calls and lines, as a linker leaves them
//     node bench/big-pdb.js look FILE COUNT     COUNT addresses spread over its code: function, calls, file and line
//     node bench/big-pdb.js list FILE           all functions, lines and public symbols, counted
//
// The last two need `npm run build`. They are one process each: it prints what that took inside, in ms, and the most memory of it. What
// is written is a PDB to others too: `llvm-pdbutil dump -summary`, `-symbols -modi=0`, `-l`.
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const BLOCK = 4096;
const FUNCTIONS = 200;
const LINES = 60;
const FUNCTION_SIZE = 512;
const TEXT = 0x1000;

/** Little-endian numbers and texts, one after the other. */
class Bytes {
  #buffer = Buffer.alloc(1 << 16);
  length = 0;
  #room(count) {
    if (this.length + count > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.length + count));
      this.#buffer.copy(larger);
      this.#buffer = larger;
    }
    this.length += count;
    return this.length - count;
  }
  u8 = (...values) => {
    for (const value of values) {
      const at = this.#room(1);
      this.#buffer.writeUInt8(value, at);
    }
    return this;
  };
  u16 = (...values) => {
    for (const value of values) {
      const at = this.#room(2);
      this.#buffer.writeUInt16LE(value, at);
    }
    return this;
  };
  u32 = (...values) => {
    for (const value of values) {
      const at = this.#room(4);
      this.#buffer.writeUInt32LE(value >>> 0, at);
    }
    return this;
  };
  add = (bytes) => {
    const at = this.#room(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  };
  text = (text) => this.add(Buffer.from(`${text}\0`));
  align = () => {
    while (this.length % 4) this.u8(0);
    return this;
  };
  setU16 = (at, value) => this.#buffer.writeUInt16LE(value, at);
  setU32 = (at, value) => this.#buffer.writeUInt32LE(value, at);
  bytes = () => this.#buffer.subarray(0, this.length);
}

/** Streams one after the other, in blocks that are kept free of the two maps of free blocks of each interval. */
class MsfWriter {
  #fd;
  #next = 3;
  streams = [];
  constructor(path) {
    this.#fd = openSync(path, 'w+');
  }
  #block() {
    while (this.#next % BLOCK === 1 || this.#next % BLOCK === 2) this.#next++;
    return this.#next++;
  }
  #write(bytes) {
    const blocks = [];
    for (let at = 0; at < bytes.length; at += BLOCK) {
      const block = this.#block();
      const piece = Buffer.alloc(BLOCK);
      piece.set(bytes.subarray(at, at + BLOCK));
      writeSync(this.#fd, piece, 0, BLOCK, block * BLOCK);
      blocks.push(block);
    }
    return blocks;
  }
  /** Gives the number of the stream. */
  add(bytes) {
    return this.put(this.streams.length, bytes);
  }
  put(number, bytes) {
    this.streams[number] = { size: bytes.length, blocks: this.#write(bytes) };
    return number;
  }
  get size() {
    return this.#next * BLOCK;
  }
  close() {
    const directory = new Bytes().u32(this.streams.length).u32(...this.streams.map(({ size }) => size));
    for (const { blocks } of this.streams) for (const block of blocks) directory.u32(block);
    const list = this.#write(new Bytes().u32(...this.#write(directory.bytes())).bytes());
    const head = new Bytes();
    head.add(Buffer.from('Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0', 'latin1'));
    head.u32(BLOCK, 1, this.#next, directory.length, 0, ...list);
    writeSync(this.#fd, head.bytes(), 0, head.length, 0);
    // All blocks are in use.
    for (let at = BLOCK; at < this.#next * BLOCK; at += BLOCK * BLOCK)
      writeSync(this.#fd, Buffer.alloc(BLOCK), 0, BLOCK, at);
    closeSync(this.#fd);
  }
}

/** A record of symbols or types. */
function record(into, kind, body) {
  const at = into.length;
  into.u16(0, kind);
  body(into);
  into.align();
  into.setU16(at, into.length - at - 2);
  return at;
}

const FUNC_ID = 0x1000;
const inlinedName = (number) => `inlined_${number}`;

function typeStreams() {
  const types = new Bytes();
  record(types, 0x1201, (r) => r.u32(2, 0x74, 0x470)); // int, char*
  record(types, 0x1008, (r) => r.u32(0x74).u8(0, 0).u16(2).u32(0x1000)); // LF_PROCEDURE
  const ids = new Bytes();
  for (let i = 0; i < FUNCTIONS; i++) record(ids, 0x1601, (r) => r.u32(0, 0x1001).text(inlinedName(i)));
  const stream = (records, count) =>
    new Bytes()
      .u32(20040203, 56, 0x1000, 0x1000 + count, records.length)
      .u16(0xffff, 0xffff)
      .u32(4, 0x3ffff, 0, 0, 0, 0, 0, 0)
      .add(records.bytes())
      .bytes();
  return { types: stream(types, 2), ids: stream(ids, FUNCTIONS) };
}

/** A module of functions, each with a call inlined into it and lines. */
function moduleStream(number) {
  const symbols = new Bytes().u32(4);
  const lines = new Bytes();
  const base = number * FUNCTIONS * FUNCTION_SIZE;
  for (let i = 0; i < FUNCTIONS; i++) {
    const offset = base + i * FUNCTION_SIZE;
    const at = record(symbols, 0x1110, (r) =>
      r
        .u32(0, 0, 0, FUNCTION_SIZE - 16, 4, 400, 0x1001, offset)
        .u16(1)
        .u8(0)
        .text(functionName(number, i)),
    );
    const site = record(symbols, 0x114d, (r) => {
      r.u32(at, 0, FUNC_ID + i);
      // Lines of a call from 64 to 128.
      r.u8(3, 64, 11, (1 << 5) | 8, 11, (1 << 5) | 8, 4, 48);
    });
    symbols.setU32(
      site + 8,
      record(symbols, 0x114e, () => {}),
    );
    symbols.setU32(
      at + 8,
      record(symbols, 0x0006, () => {}),
    );
    lines.u32(0xf2, 12 + 12 + LINES * 8);
    lines
      .u32(offset)
      .u16(1, 0)
      .u32(FUNCTION_SIZE - 16);
    lines.u32(0, LINES, 12 + LINES * 8);
    for (let line = 0; line < LINES; line++) lines.u32(line * 8, (0x80000000 | (i * LINES + line + 1)) >>> 0);
  }
  const inlinees = new Bytes().u32(0);
  for (let i = 0; i < FUNCTIONS; i++) inlinees.u32(FUNC_ID + i, 0, 1000 + i);
  lines.u32(0xf6, inlinees.length).add(inlinees.bytes());
  lines
    .u32(0xf4, 8)
    .u32(1 + number * NAME_SIZE)
    .u16(0, 0);
  return { symbols, lines, bytes: Buffer.concat([symbols.bytes(), lines.bytes(), Buffer.alloc(4)]) };
}

const functionName = (module, i) => `unit_${module}::function_${i}_of_a_module_of_a_large_program`;
const sourceName = (number) => `c:\\source\\unit_${String(number).padStart(6, '0')}.cpp`;
const NAME_SIZE = sourceName(0).length + 1;

function writeBigPdb(path, megabytes) {
  const msf = new MsfWriter(path);
  for (let i = 0; i < 5; i++) msf.streams[i] = { size: 0, blocks: [] };
  const modules = new Bytes();
  const contributions = new Bytes().u32(0xeffe0000 + 19970605);
  const records = new Bytes();
  const addresses = new Bytes();
  const names = new Bytes().u8(0);
  const contribution = (into, number) =>
    into
      .u16(1, 0)
      .u32(number * FUNCTIONS * FUNCTION_SIZE, FUNCTIONS * FUNCTION_SIZE, 0x60000020)
      .u16(number, 0)
      .u32(0, 0);
  let count = 0;
  for (; msf.size < megabytes * 1e6; count++) {
    const { symbols, lines, bytes } = moduleStream(count);
    const stream = msf.add(bytes);
    modules.u32(0);
    contribution(modules, count);
    modules.u16(0, stream).u32(symbols.length, 0, lines.length).u16(1, 0).u32(0, 0, 0);
    modules.text(`c:\\build\\unit_${count}.obj`).text(`c:\\build\\unit_${count}.obj`).align();
    contribution(contributions, count);
    for (let i = 0; i < FUNCTIONS; i++) {
      const at = record(records, 0x110e, (r) =>
        r
          .u32(2, (count * FUNCTIONS + i) * FUNCTION_SIZE)
          .u16(1)
          .text(`?function_${i}@unit_${count}@@YAHHPAD@Z`),
      );
      addresses.u32(at);
    }
    names.text(sourceName(count));
  }
  const size = count * FUNCTIONS * FUNCTION_SIZE;
  const section = new Bytes().add(Buffer.from('.text\0\0\0')).u32(size, TEXT, size, 0x400, 0, 0).u16(0, 0);
  const sections = msf.add(section.u32(0x60000020).bytes());
  const symbolStream = msf.add(records.bytes());
  const noHash = () => new Bytes().u32(0xffffffff, 0xeffe0000 + 19990810, 0, 0);
  const globals = msf.add(noHash().bytes());
  const hash = noHash();
  const publics = msf.add(
    new Bytes()
      .u32(hash.length, addresses.length, 0, 0)
      .u16(0, 0)
      .u32(0, 1)
      .add(hash.bytes())
      .add(addresses.bytes())
      .bytes(),
  );
  names.align();
  const texts = new Bytes().u32(0xeffeeffe, 1, names.length).add(names.bytes());
  const namesStream = msf.add(texts.u32(1, 0, count).bytes());
  const { types, ids } = typeStreams();
  msf.put(2, types);
  msf.put(4, ids);
  // One named stream: its name, and a hash table of one bucket.
  const info = new Bytes().u32(20000404, 0x5f000000, 1, 0x12345678, 0x9abcdef0, 0x12345678, 0x9abcdef0);
  info.u32(7).text('/names').u32(1, 1, 1, 1, 0, 0, namesStream, 0, 20140508);
  msf.put(1, info.bytes());
  // The section map says of each section where it is; the list of sources is that of none.
  const map = new Bytes().u16(1, 1).u16(0x109, 0, 0, 1, 0xffff, 0xffff).u32(0, size);
  const sources = new Bytes().u16(count & 0xffff, 0);
  for (let i = 0; i < count; i++) sources.u16(i & 0xffff);
  for (let i = 0; i < count; i++) sources.u16(0);
  sources.align();
  const dbi = new Bytes().u32(0xffffffff, 19990903, 1).u16(globals, 0x8e1d, publics, 0, symbolStream, 0);
  dbi
    .u32(modules.length, contributions.length, map.length, sources.length, 0, 0, 22, 0)
    .u16(0, 0x8664)
    .u32(0);
  dbi.add(modules.bytes()).add(contributions.bytes()).add(map.bytes()).add(sources.bytes());
  dbi.u16(0xffff, 0xffff, 0xffff, 0xffff, 0xffff, sections, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff);
  msf.put(3, dbi.bytes());
  msf.close();
  console.log(
    `${path}: ${(statSync(path).size / 1e6).toFixed(0)} MB, ${count} modules of ${FUNCTIONS} functions`,
  );
}

async function open(path) {
  const dist = process.env.MDMP_DIST ?? fileURLToPath(new URL('../dist', import.meta.url));
  const { runSync } = await import(`${dist}/io/index.js`);
  const { FileSource } = await import(`${dist}/node/file-source.js`);
  const { PdbDebugInformation, PdbFile } = await import(`${dist}/object/pdb/index.js`);
  const before = process.resourceUsage().maxRSS / 1024;
  const started = performance.now();
  const pdb = runSync(PdbFile.open(new FileSource(path)));
  return { pdb, information: new PdbDebugInformation(pdb), runSync, before, started };
}

const round = (value) => Math.round(value * 10) / 10;

async function look(path, count) {
  const { pdb, information, runSync, before, started } = await open(path);
  const size = runSync(pdb.sections()).end(1) - TEXT;
  const found = { function: 0, line: 0, inlines: 0 };
  let firstMs = 0;
  let last;
  for (let i = 0; i < count; i++) {
    // In the middle of the call that is inlined into each.
    const place = Math.floor((size * (i + 0.5)) / count / FUNCTION_SIZE) * FUNCTION_SIZE + 80;
    const one = runSync(information.functionAt(TEXT + place));
    if (one) found.function++;
    if (one?.line !== undefined) found.line++;
    found.inlines += one?.inlines.length ?? 0;
    last = one;
    if (i === 0) firstMs = performance.now() - started;
  }
  const allMs = performance.now() - started;
  console.log(
    JSON.stringify({
      lookups: count,
      found,
      last: `${last?.name} ${last?.file}:${last?.line} ${last?.inlines.map(({ name, line }) => `${name}:${line}`)}`,
      problems: information.problems.length,
      'opening and first lookup, ms': round(firstMs),
      'each other lookup, ms': count > 1 ? round((allMs - firstMs) / (count - 1)) : null,
      'peak MB': round(process.resourceUsage().maxRSS / 1024),
      'of that Node and modules, MB': round(before),
    }),
  );
}

async function list(path) {
  const { information, runSync, before, started } = await open(path);
  const counts = { functions: 0, lines: 0, inlines: 0, publics: 0 };
  const files = new Map();
  const origins = new Map();
  const numberIn = (map, name) => {
    if (!map.has(name)) map.set(name, map.size);
    return map.get(name);
  };
  runSync(
    information.list({
      file: (name) => numberIn(files, name),
      origin: (name) => numberIn(origins, name),
      function: () => counts.functions++,
      line: () => counts.lines++,
      inline: () => counts.inlines++,
      publicSymbol: () => counts.publics++,
      cfi() {},
      cfiDelta() {},
      windowsFrame() {},
    }),
  );
  const ms = performance.now() - started;
  const peak = process.resourceUsage().maxRSS / 1024;
  console.log(
    JSON.stringify({ ...counts, ms: round(ms), 'peak MB': round(peak), 'of that Node, MB': round(before) }),
  );
}

const [what, path, number] = process.argv.slice(2);
if (what === 'write') writeBigPdb(path, Number(number ?? 1000));
else if (what === 'look') await look(path, Number(number ?? 1));
else if (what === 'list') await list(path);
else {
  console.error('usage: node bench/big-pdb.js write FILE [MB] | look FILE COUNT | list FILE');
  process.exitCode = 2;
}
