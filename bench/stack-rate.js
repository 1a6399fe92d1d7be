// How many dumps a second one process analyses that keeps its symbols:
//
//     node bench/stack-rate.js --cache FOLDER [--seconds N] [--print] DUMP [SYMBOLS…]
//
// Each time the file is opened anew, analysed, and a report in JSON made of it: what a service does that gets dumps of one program. SYMBOLS are files and
// folders, as `mdmp stack` takes them. It prints `per_second=`, the median of ten stretches after one that warms up; `processor_ms=`, processor time a dump,
// of all threads; and `named=`, how many frames of the report have a function; with --print the report. Needs `npm run build`.
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { inflateSync } from 'node:zlib';
import { fromDist } from './dist.js';
import { median } from './statistics.js';

const STRETCHES = 10;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cache: { type: 'string' },
    seconds: { type: 'string', default: '5' },
    print: { type: 'boolean', default: false },
  },
});
const [dumpFile, ...places] = positionals;
const { CacheFolder, DiskFolder, FileSource, Minidump, openFile, runSync } = await fromDist('index.js');
const { analyzeTask, capstoneDisassembler, rustMinidumpReport } = await fromDist('analysis/index.js');
const { SymbolFile, SymbolFolder, Symbols } = await fromDist('symbols/index.js');

const disassembler = capstoneDisassembler(await createRequire(import.meta.url)('@alexaltea/capstone-js')());
const symbols = new Symbols(
  places.map((path) =>
    statSync(path).isDirectory()
      ? new SymbolFolder(new DiskFolder(path))
      : new SymbolFile(() => openFile(path)),
  ),
  { cache: new CacheFolder(values.cache), decompress: { inflate: (bytes) => inflateSync(bytes) } },
);

function report() {
  const file = new FileSource(dumpFile);
  try {
    const dump = Minidump.openSync(file);
    return JSON.stringify(runSync(rustMinidumpReport(runSync(analyzeTask(dump, { symbols, disassembler })))));
  } finally {
    file.close();
  }
}

/** Dumps a second, over a while. */
function stretch(ms) {
  const began = performance.now();
  let count = 0;
  let took = 0;
  for (; took < ms; count++, took = performance.now() - began) {
    if (report() !== first) throw new Error('the same dump gave another report');
  }
  return (count * 1000) / took;
}

const first = report();
if (values.print) console.log(first);
else {
  const ms = (Number(values.seconds) * 1000) / (STRETCHES + 1);
  stretch(ms);
  const before = process.cpuUsage();
  let count = 0;
  const rates = Array.from({ length: STRETCHES }, () => {
    const rate = stretch(ms);
    count += (rate * ms) / 1000;
    return rate;
  });
  const { user, system } = process.cpuUsage(before);
  const frames = JSON.parse(first).threads.flatMap((thread) => thread.frames);
  console.log(`per_second=${median(rates).toFixed(1)}`);
  // On a machine that does other things too, this is what counts.
  console.log(`processor_ms=${((user + system) / 1000 / count).toFixed(3)}`);
  console.log(`frames=${frames.length}`);
  console.log(`named=${frames.filter((frame) => frame.function !== null).length}`);
}
symbols[Symbol.dispose]();
