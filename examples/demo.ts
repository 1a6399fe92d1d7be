/**
 * The demonstration, `npm start`: dumps a process that has a secret, with and without a callback, and searches the dumps for the secret.
 * Fails if the dumps without a callback do not have it, or those with one do.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync } from 'node:fs';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type FileDumpReport, FileSource, MINIDUMP_TYPE, Minidump, MinidumpError, writeMinidump } from 'mdmp';
import { keepSecretOut } from './keep-secret-out.js';
import { type Sample, SECRET_LENGTH, SESSION_AFTER, SESSION_BEFORE } from './session.js';

const folder = fileURLToPath(new URL('../dumps', import.meta.url));

const secret = randomBytes(SECRET_LENGTH / 2).toString('hex'); // another one each time

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error(
    'The demonstration dumps a live process, which works on Linux x86-64 so far. Reading dumps works everywhere.',
  );
  process.exit(1);
}

const { child, sample, ask } = await startSample();
try {
  await demonstrate(child.pid!);
} catch (error) {
  if (!(error instanceof MinidumpError)) throw error;
  console.error(`${error.message}. ${error.advice ?? ''}`);
  process.exitCode = 1;
} finally {
  child.kill('SIGKILL');
}

async function demonstrate(pid: number): Promise<void> {
  mkdirSync(folder, { recursive: true });
  console.log(`A sample process runs, ${pid}. It has a secret in three places:`);
  console.log(`  its environment at ${sample.environment}`);
  console.log(`  its heap        at ${sample.heap}`);
  console.log(`  a stack         at ${sample.stack}`);
  for (const [name, type] of [
    ['normal', MINIDUMP_TYPE.MiniDumpNormal],
    ['full-memory', MINIDUMP_TYPE.MiniDumpWithFullMemory],
  ] as const) {
    const options = { type, force: true };
    const plain = await writeMinidump(pid, join(folder, `${name}.dmp`), options);
    const decided = await writeMinidump(pid, join(folder, `${name}-callback.dmp`), {
      ...options,
      callbacks: keepSecretOut(sample),
    });
    console.log(`\nA ${name} dump, without a callback:`);
    tell(plain);
    checkPlain(plain);
    console.log(`A ${name} dump, decided by examples/keep-secret-out.ts:`);
    tell(decided);
    checkDecided(decided);
  }
  console.log();
  check('the sample runs on as before', (await ask()) === 'still here');
  console.log(
    `\nThe dumps are in ${relative(process.cwd(), folder)}; look into them with \`node dist/cli/main.js info FILE\`.`,
  );
  console.log(
    'Removed is what the callback named, at these addresses: other copies of a value are not searched for.',
  );
}

/** What went in and what was kept out. */
function tell({ file, size, pauseMs, threads, modules, memory, removed, warnings }: FileDumpReport): void {
  const bytes = removed.reduce((sum, range) => sum + range.size, 0n);
  console.log(
    `  ${relative(process.cwd(), file)}, ${mebibytes(size)}; the sample stood still for ${pauseMs.toFixed(1)} ms`,
  );
  console.log(`  threads: ${threads.written}, kept out: ${threads.excluded}`);
  console.log(`  modules: ${modules.written}, kept out: ${modules.excluded}`);
  console.log(
    `  memory:  ${mebibytes(memory.bytes)} in ${memory.ranges} ranges, removed: ${bytes} bytes in ${removed.length}`,
  );
  for (const warning of warnings) console.log(`  warning: ${warning}`);
}

/** Looks with the reader for the secret. A normal dump has stacks and the environment, a full one also the heap. */
function checkPlain({ file }: FileDumpReport): void {
  using source = new FileSource(file);
  const dump = Minidump.openSync(source);
  const memory = dump.memorySync();
  const has = (address: string) =>
    Buffer.from(memory.readSync(BigInt(address), SECRET_LENGTH)).toString() === secret;
  const places = [];
  if (has(sample.stack)) places.push('on the stack');
  if (has(sample.heap)) places.push('on the heap');
  if (has(sample.environment)) places.push('in the memory of the environment');
  const variables = dump.getSync('linuxEnvironment') ?? [];
  if (variables.some((variable) => variable.endsWith(`=${secret}`))) places.push('in the environment stream');
  check('the secret is in it', places.length > 0, places.join(', '));
}

/** Looks with the reader at what the callback decided, and into all of the file for the secret. */
function checkDecided({ file }: FileDumpReport): void {
  const found = encodingsFound(file);
  check('the secret is not in it, in no encoding', found.length === 0, found.join(', '));
  using source = new FileSource(file);
  const dump = Minidump.openSync(source);
  const memory = dump.memorySync();
  const places = [sample.environment, sample.heap, sample.stack].map((address) =>
    memory.readSync(BigInt(address), SECRET_LENGTH),
  );
  check(
    'zeros or nothing at its three addresses',
    places.every((bytes) => bytes.every((byte) => byte === 0)),
  );
  const before = memory.readSync(BigInt(sample.heap) - BigInt(SESSION_BEFORE.length), SESSION_BEFORE.length);
  const after = memory.readSync(BigInt(sample.heap) + BigInt(SECRET_LENGTH), SESSION_AFTER.length);
  const neighbours = [before, after].map((bytes) => Buffer.from(bytes).toString());
  check(
    'its neighbours on the heap are',
    neighbours.join() === [SESSION_BEFORE, SESSION_AFTER].join(),
    neighbours.join('…'),
  );
  const names = (dump.getSync('modules') ?? []).map(({ name }) => name ?? '');
  check(
    'koffi.node is not among the modules',
    names.length > 0 && !names.some((name) => name.endsWith('koffi.node')),
  );
}

function check(what: string, holds: boolean, details = ''): void {
  console.log(`  ${holds ? 'yes' : 'NO '} ${what}${details && `: ${details}`}`);
  if (!holds) process.exitCode = 1;
}

/**
 * The encodings in which the secret is in a file, searched for byte by byte. Halves are searched for, too, as half a secret
 * is too much; and base64 at each of the three places that it may have in a group of three bytes.
 */
function encodingsFound(file: string): string[] {
  const halves = [secret.slice(0, SECRET_LENGTH / 2), secret.slice(SECRET_LENGTH / 2)];
  const encodings: [string, Buffer[]][] = [
    ['UTF-8', halves.map((half) => Buffer.from(half))],
    ['UTF-16', halves.map((half) => Buffer.from(half, 'utf16le'))],
    ...[0, 1, 2].map((shift): [string, Buffer[]] => [
      `base64 (${shift})`,
      halves.map((half) => Buffer.from(insideBase64(half, shift))),
    ]),
  ];
  return encodings.filter(([, patterns]) => contains(file, patterns)).map(([name]) => name);
}

/** The characters that base64 of this text has whatever stands before and behind it. */
function insideBase64(text: string, shift: number): string {
  const encoded = Buffer.from('\0'.repeat(shift) + text).toString('base64');
  return encoded.slice(shift === 0 ? 0 : shift + 1, -4);
}

function contains(file: string, patterns: readonly Buffer[]): boolean {
  const overlap = Math.max(...patterns.map(({ length }) => length));
  const buffer = Buffer.alloc(16 << 20);
  const fd = openSync(file, 'r');
  try {
    let kept = 0;
    for (;;) {
      const got = readSync(fd, buffer, kept, buffer.length - kept, null);
      if (got === 0) return false;
      const bytes = buffer.subarray(0, kept + got);
      if (patterns.some((pattern) => bytes.includes(pattern))) return true;
      kept = Math.min(overlap, bytes.length);
      bytes.copyWithin(0, bytes.length - kept);
    }
  } finally {
    closeSync(fd);
  }
}

async function startSample(): Promise<{ child: ChildProcess; sample: Sample; ask: () => Promise<string> }> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./sample.js', import.meta.url))], {
    // Bound at once: binding at the first call saves registers to the stack, and copying leaves the secret in them.
    env: { ...process.env, MDMP_SAMPLE_SECRET: secret, LD_BIND_NOW: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error('the sample has ended');
    return value;
  };
  const ask = () => {
    child.stdin.write('?\n');
    return line();
  };
  return { child, sample: JSON.parse(await line()), ask };
}

function mebibytes(bytes: number): string {
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(0)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
