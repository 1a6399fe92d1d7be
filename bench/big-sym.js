// A large Breakpad symbol file, the same each time, and how long it takes to parse and to look up:
//
//     node bench/big-sym.js write FILE
//     node bench/big-sym.js cold FILE      parse, make the index, look 5 addresses up
//     node bench/big-sym.js index FILE     the same, and write FILE.symindex
//     node bench/big-sym.js warm FILE      open FILE.symindex, look 5 addresses up
//     node bench/big-sym.js lookups FILE   100,000 addresses in FILE.symindex from memory, 10,000 from the file
//
// All but the first need `npm run build`. Each is one process, to be timed as such; it prints what it took inside, in ms, and the
// most memory of the process.
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromDist } from './dist.js';

/** Numbers below a bound, the same for the same seed (mulberry32). */
export function generator(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const saved = ['$rbx', '$rbp', '$r12', '$r13', '$r14', '$r15'];

/** What its MODULE record says. */
export const bigModule = { name: 'big.so', id: '0123456789ABCDEF0123456789ABCDEF0' };

/**
 * Writes a .sym file of Linux x86-64: by default 60,000 functions, 2.6 million lines, 240,000 STACK CFI records, 58 MB.
 * Returns its functions: where each begins, its size, and how many STACK CFI records it has.
 */
export function writeBigSym(
  path,
  { functions = 60_000, lines = 2_600_000, cfi = 240_000, files = 800, seed = 1 } = {},
) {
  const random = generator(seed);
  const made = [];
  const fd = openSync(path, 'w');
  let parts = [`MODULE Linux x86_64 ${bigModule.id} ${bigModule.name}\n`];
  const flush = () => {
    writeSync(fd, parts.join(''));
    parts = [];
  };
  for (let id = 0; id < files; id++) {
    parts.push(`FILE ${id} /build/big/src/component${id % 90}/part_${id}/implementation_${id}.cc\n`);
  }
  let address = 0x1000;
  let linesLeft = lines;
  let cfiLeft = cfi;
  for (let f = 0; f < functions; f++) {
    const left = functions - f;
    const last = left === 1;
    const lineCount = last ? linesLeft : Math.min(linesLeft, 1 + random(Math.round((2 * linesLeft) / left)));
    linesLeft -= lineCount;
    const rows = [];
    const home = random(files);
    let line = 1 + random(1200);
    let at = address;
    for (let i = 0; i < lineCount; i++) {
      const size = 1 + random(14);
      const file = random(8) === 0 ? random(files) : home;
      rows.push(`${at.toString(16)} ${size.toString(16)} ${line} ${file}\n`);
      line = Math.max(1, line + random(9) - 3);
      at += size;
    }
    const size = at - address;
    const name = `big::component${f % 90}::Class${f % 701}::method_${f}(int, char const*)`;
    parts.push(`FUNC ${address.toString(16)} ${size.toString(16)} 0 ${name}\n`, ...rows);
    const cfiCount = last ? cfiLeft : Math.min(cfiLeft, 1 + random(Math.round((2 * cfiLeft) / left)));
    cfiLeft -= cfiCount;
    made.push({ start: address, size, records: cfiCount });
    address = (at + 15) & ~15;
    if (parts.length > 50_000) flush();
  }
  for (const { start, size, records } of made) {
    parts.push(`STACK CFI INIT ${start.toString(16)} ${size.toString(16)} .cfa: $rsp 8 + .ra: .cfa -8 + ^\n`);
    for (let i = 1; i < records; i++) {
      const at = (start + offsetOf(i, size, records)).toString(16);
      const register = saved[i % saved.length];
      const rule = i % 2 === 0 ? ` ${register}: .cfa -${8 * (i % 60) + 16} + ^` : '';
      parts.push(`STACK CFI ${at} .cfa: $rsp ${frameSize(i)} +${rule}\n`);
    }
    if (parts.length > 50_000) flush();
  }
  flush();
  closeSync(fd);
  return made;
}

/** Where in a function its record `i` begins to hold. */
const offsetOf = (i, size, records) => Math.floor((i * size) / records);

/** From the stack pointer to the CFA where record `i` of a function holds, in bytes. */
const frameSize = (i) => 8 + 8 * (i % 100);

/** The same at a place in a function. The return address is in the 8 bytes below the CFA. */
export function frameSizeAt({ size, records }, offset) {
  let i = 0;
  while (i + 1 < records && offsetOf(i + 1, size, records) <= offset) i++;
  return frameSize(i);
}

async function main([what, path]) {
  if (what === 'write') {
    writeBigSym(path);
    return;
  }
  const { parseSymFile, SymIndex, writeSymIndex } = await fromDist('object/breakpad/index.js');
  const { BytesSource, runSync } = await fromDist('io/index.js');
  const { FileSource } = await fromDist('node/file-source.js');
  const started = performance.now();
  const times = {};
  const lap = (name) => {
    times[name] = Math.round((performance.now() - started) * 100) / 100;
  };
  const look = (index, count) => {
    const random = generator(7);
    let found = 0;
    for (let i = 0; i < count; i++) {
      const rva = 0x1000 + random(0x1200000);
      if (runSync(index.functionAt(rva))?.line !== undefined) found++;
      if (runSync(index.cfiAt(rva)) !== undefined) found++;
    }
    return found;
  };
  let found;
  if (what === 'cold' || what === 'index') {
    const tables = runSync(parseSymFile(new FileSource(path)));
    lap('parsed');
    const bytes = writeSymIndex(tables);
    lap('index made');
    const index = runSync(SymIndex.open(new BytesSource(bytes)));
    found = look(index, 5);
    lap('looked up');
    times['index bytes'] = bytes.length;
    if (what === 'index') {
      writeFileSync(`${path}.symindex`, bytes);
      lap('written');
    }
  } else if (what === 'warm') {
    const index = runSync(SymIndex.open(new FileSource(`${path}.symindex`)));
    lap('opened');
    found = look(index, 5);
    lap('looked up');
  } else if (what === 'lookups') {
    found = look(runSync(SymIndex.open(new BytesSource(readFileSync(`${path}.symindex`)))), 100_000);
    lap('from memory');
    found = look(runSync(SymIndex.open(new FileSource(`${path}.symindex`))), 10_000);
    lap('and 10,000 from the file');
  } else throw new Error('one of: write, cold, index, warm, lookups');
  // On a machine that does other things too, this is what counts. Node's own start is in it.
  const { user, system } = process.cpuUsage();
  times['processor, user'] = Math.round(user / 1000);
  times['processor, system'] = Math.round(system / 1000);
  times['most memory, MB'] = Math.round(process.resourceUsage().maxRSS / 1024);
  console.log(JSON.stringify({ ...times, found }));
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await main(process.argv.slice(2));
}
