// A large ELF file with DWARF, as a linker leaves it, and what it takes to open it and look addresses up:
//
//     node bench/big-elf.js write FILE [MB] [G++ OPTIONS…]   1000 MB of C++, -O2 -g: needs g++ (or CXX), some minutes, and twice the room
//     node bench/big-elf.js look FILE COUNT                  COUNT addresses spread over its code: function, calls, line, CFI
//     node bench/big-elf.js look FILE,DEBUG COUNT            the same, where debug information was split off
//
// The second needs `npm run build`. It is one process: it prints what that took inside, in ms, and the most memory of the process.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const compiler = process.env.CXX ?? 'g++';

/** What the units use: each template of the library is made again in each unit, as in any large C++ program. */
const LIBRARIES = [
  [
    'map',
    'std::map<int, T> m; for (int i = 0; i < n; i++) m[i * 7 % 31] = T{i}; int s = 0; for (auto &[k, v] : m) s += k + v.a;',
  ],
  [
    'unordered_map',
    'std::unordered_map<int, T> m; for (int i = 0; i < n; i++) m[i * 7 % 31] = T{i}; int s = 0; for (auto &[k, v] : m) s += k + v.a;',
  ],
  [
    'vector',
    'std::vector<T> v; for (int i = 0; i < n; i++) v.push_back(T{i}); std::sort(v.begin(), v.end(), [](T x, T y) { return x.a > y.a; }); int s = v[0].a;',
  ],
  [
    'deque',
    'std::deque<T> v; for (int i = 0; i < n; i++) v.push_front(T{i}); std::stable_sort(v.begin(), v.end(), [](T x, T y) { return x.a > y.a; }); int s = v[0].a;',
  ],
  [
    'sstream',
    'std::ostringstream o; for (int i = 0; i < n; i++) o << T{i}.a << std::string(i % 9, 120); int s = o.str().size();',
  ],
  [
    'regex',
    'std::regex r("([a-z]+)([0-9]+)"); std::smatch m; std::string t(n, 97); int s = std::regex_search(t, m, r) ? T{1}.a : n;',
  ],
];

function unitText(number) {
  const functions = LIBRARIES.map(
    ([name, body], i) => `
namespace unit${number} { namespace {
template <int N> struct Value${i} { int a; int twice() const { return a * N; } };
template <int N> __attribute__((noinline)) int use${i}(int n) { using T = Value${i}<N>; ${body} return s + T{n}.twice(); }
} int ${name}_of_unit(int n) { return use${i}<${number + 2}>(n) + use${i}<${number + 3}>(n + 1) + use${i}<${number + 4}>(n + 2); } }`,
  );
  const headers = [...LIBRARIES.map(([name]) => name), 'algorithm', 'string', 'functional', 'memory'];
  return `${headers.map((name) => `#include <${name}>`).join('\n')}\n${functions.join('\n')}\n`;
}

function run(command, args, cwd) {
  const { status, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr}`);
}

/** Links the same few objects again and again: the linker keeps all of their debug information. */
function writeBigElf(path, megabytes, options) {
  const folder = mkdtempSync(join(dirname(resolve(path)), 'mdmp-big-elf-'));
  try {
    const objects = [];
    for (let unit = 0; unit < 6; unit++) {
      writeFileSync(join(folder, `unit${unit}.cc`), unitText(unit));
      run(
        compiler,
        ['-O2', '-g', '-fPIC', '-c', ...options, `unit${unit}.cc`, '-o', `unit${unit}.o`],
        folder,
      );
      objects.push(`unit${unit}.o`);
    }
    const link = (times) => {
      const list = Array.from({ length: times }, () => objects).flat();
      writeFileSync(join(folder, 'objects'), list.join('\n'));
      run(
        compiler,
        ['-shared', '-Wl,--allow-multiple-definition', '-Wl,--build-id', '@objects', '-o', resolve(path)],
        folder,
      );
      return statSync(path).size / 1e6;
    };
    // Two trials tell how much one more of each takes.
    const few = link(2);
    const more = link(6);
    const size = link(Math.ceil(6 + ((megabytes - more) * 4) / (more - few)));
    console.log(`${path}: ${size.toFixed(0)} MB`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function look(paths, count) {
  const dist = process.env.MDMP_DIST ?? fileURLToPath(new URL('../dist', import.meta.url));
  const { runSync } = await import(`${dist}/io/index.js`);
  const { FileSource } = await import(`${dist}/node/file-source.js`);
  const { ElfFile } = await import(`${dist}/object/elf-file.js`);
  const { ElfDebugInformation } = await import(`${dist}/object/elf-debug-information.js`);
  const before = process.resourceUsage().maxRSS / 1024;
  const started = performance.now();
  const [module, debug] = paths.map((path) => runSync(ElfFile.open(new FileSource(path))));
  const information = new ElfDebugInformation({ module, debug });
  const text = module.section('.text');
  let firstMs = 0;
  const found = { function: 0, line: 0, inlines: 0, cfi: 0 };
  for (let i = 0; i < count; i++) {
    const rva = text.address - module.linkBase + Math.floor((text.size * (i + 0.5)) / count);
    const one = runSync(information.functionAt(rva));
    if (one) found.function++;
    if (one?.line !== undefined) found.line++;
    found.inlines += one?.inlines.length ?? 0;
    if (runSync(information.cfiAt(rva))) found.cfi++;
    if (i === 0) firstMs = performance.now() - started;
  }
  const allMs = performance.now() - started;
  const round = (value) => Math.round(value * 10) / 10;
  console.log(
    JSON.stringify({
      lookups: count,
      found,
      'opening and first lookup, ms': round(firstMs),
      'each other lookup, ms': count > 1 ? round((allMs - firstMs) / (count - 1)) : null,
      'peak MB': round(process.resourceUsage().maxRSS / 1024),
      'of that Node and modules, MB': round(before),
    }),
  );
}

const [what, path, number, ...options] = process.argv.slice(2);
if (what === 'write') writeBigElf(path, Number(number ?? 1000), options);
else if (what === 'look') await look(path.split(','), Number(number ?? 1));
else {
  console.error('usage: node bench/big-elf.js write FILE [MB] [G++ OPTIONS…] | look FILE[,DEBUG] COUNT');
  process.exitCode = 2;
}
