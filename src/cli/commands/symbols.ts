import { naming } from '../../convert/naming.js';
import { MinidumpError, runAsync } from '../../io/index.js';
import { openDestination } from '../../node/destination.js';
import { openFile } from '../../node/disk-folder.js';
import { type FileIdentity, identifyFile } from '../../symbols/index.js';
import { wrong } from '../arguments.js';
import { report } from '../failure.js';
import { err, print, printJson } from '../output.js';
import { StoreFolder, type SymFile, writeSymFile } from '../sym-files.js';
import { inputFiles, joinedIdentity, placesBeside } from '../symbol-inputs.js';
import { decompress, openSymbols } from '../symbol-places.js';
import { count, printable, size } from '../text.js';

export interface SymbolsArguments {
  output?: string;
  store?: string;
  files?: boolean;
  name?: string;
  arch?: string;
  force?: boolean;
  multiple?: boolean;
  /** commander: true unless `--no-inlines`, `--no-cfi` was given. */
  inlines: boolean;
  cfi: boolean;
  symbolsPath?: string[];
  json?: boolean;
  debug?: boolean;
}

/** What a file is, and what becomes of it. */
interface Job {
  readonly file: string;
  readonly identity: FileIdentity;
}

interface Result extends SymFile {
  readonly file: string;
  readonly module: string;
  readonly debugId: string;
  readonly codeId: string | undefined;
  readonly output: string | undefined;
  /** Where the file itself was put. */
  readonly kept?: string | undefined;
}

/** `mdmp symbols FILE…`: writes Breakpad .sym files. */
export async function symbols(files: readonly string[], given: SymbolsArguments): Promise<void> {
  const { output, store, name } = given;
  if (output !== undefined && store !== undefined) throw wrong('--output and --store exclude each other');
  if (store === undefined && files.length > 1)
    throw wrong('several files need --store', 'Name the folder that their symbols go into');
  if (given.files && store === undefined) throw wrong('--files is for --store');
  if (name !== undefined && files.length > 1) throw wrong('--name is for one file');
  const failures = new Failures(given.debug === true);
  const jobs: Job[] = [];
  for (const path of files) {
    await failures.attempt(async () => {
      const found: Job[] = [];
      for (const file of inputFiles(path)) found.push(...(await jobsOf(file, given)));
      if (store === undefined && found.length > 1) {
        const what = found.map(({ identity }) => `${identity.sym.name} for ${architectureOf(identity)}`);
        throw wrong(`${path} holds ${what.join(' and ')}`, 'Choose one with --arch, or name a --store');
      }
      jobs.push(...found);
    });
  }
  const results: Result[] = [];
  for (const job of jobs) {
    await failures.attempt(async () => {
      // It has been read as a part of one that came before.
      const joined = results.find((one) => one.files.includes(job.file) && isSame(job, one));
      const result =
        store === undefined ? await toOutput(job, given) : await toStore(job, jobs, joined, given);
      results.push(result);
      for (const problem of joined ? [] : result.problems)
        process.stderr.write(`${err.yellow('warning:')} ${printable(job.file)}: ${printable(problem)}\n`);
      if (!given.json && result.output !== undefined) await print(line(result, joined));
    });
  }
  if (given.json && (store !== undefined || output !== undefined)) await printJson(results);
}

const isSame = ({ identity: { sym } }: Job, { module, debugId }: Result): boolean =>
  module === sym.name && debugId === sym.debugIdentifier;

const architectureOf = ({ architecture, sym }: FileIdentity): string => architecture ?? sym.cpu;

/** What is to be made of a file: of a universal one, a .sym file for each processor. */
async function jobsOf(file: string, { name, arch }: SymbolsArguments): Promise<Job[]> {
  using opened = openFile(file);
  const all = await named(file, () => runAsync(identifyFile(opened, { decompress, name })));
  const wanted = all.filter((identity) => arch === undefined || architectureOf(identity) === arch);
  if (wanted.length === 0) {
    const there = all.map(architectureOf).join(', ');
    throw new MinidumpError('unsupported', `${file}: it is for ${there}, not for ${arch}`);
  }
  return wanted.map((identity) => ({ file, identity }));
}

/** One file, or what is printed. */
async function toOutput(job: Job, given: SymbolsArguments): Promise<Result> {
  const { output = '-' } = given;
  const isStdout = output === '-';
  if (isStdout && given.json)
    throw wrong('--json is for --output and --store: what is printed are the symbols');
  const destination = isStdout ? 1 : output;
  const made = await make(job, [], given, () =>
    openDestination(destination, { force: given.force ?? false, isPublic: true }),
  );
  return { ...made, output: isStdout ? undefined : output };
}

async function toStore(
  job: Job,
  jobs: readonly Job[],
  joined: Result | undefined,
  given: SymbolsArguments,
): Promise<Result> {
  const folder = new StoreFolder(given.store!);
  const path = await named(job.file, async () => folder.symPath(job.identity));
  const { debugIdentifier } = job.identity.sym;
  const parts = jobs.filter((one) => one !== job && one.identity.sym.debugIdentifier === debugIdentifier);
  const made = joined ?? (await make(job, parts, given, () => folder.open(path)));
  const kept = given.files ? folder.keep(job.file, job.identity) : undefined;
  return { ...made, file: job.file, output: path, kept };
}

async function make(
  { file, identity: own }: Job,
  parts: readonly Job[],
  given: SymbolsArguments,
  open: () => ReturnType<typeof openDestination>,
): Promise<Result> {
  const { inlines, cfi, multiple = false, symbolsPath = [] } = given;
  const others = parts.map((one) => one.file);
  const paths = [file, ...others, ...symbolsPath, ...placesBeside(file)];
  using places = openSymbols({ paths, local: true }, { withoutSym: true });
  const identity = joinedIdentity(
    own,
    parts.map((one) => one.identity),
  );
  const { sym, module, pointerSize } = identity;
  const made = await named(file, async () => {
    const found = await runAsync(places.of(module, pointerSize));
    return await writeSymFile(identity, found, open(), { inlines, cfi, multiple });
  });
  const { debugIdentifier: debugId, codeIdentifier: codeId } = sym;
  const problems = [...made.problems];
  if (module.debugIdentifier === undefined)
    problems.push('it has no debug identifier: no dump will ask for its symbols');
  return { file, module: sym.name, debugId, codeId, output: undefined, ...made, problems };
}

/** Each file has its line; the exit code is that of the first that failed. */
class Failures {
  readonly #debug: boolean;

  constructor(debug: boolean) {
    this.#debug = debug;
  }

  async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const before = process.exitCode;
      report(error, this.#debug);
      process.exitCode = before ?? process.exitCode;
    }
  }
}

/** Errors of a file name it, once; those of what is written have a name of their own. */
async function named<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const isNamed = error instanceof MinidumpError && error.message.startsWith(`${file}: `);
    throw isNamed ? error : naming(file, error);
  }
}

function line(
  { file, output, functions, lines, publics, frames, bytes, kept }: Result,
  joined?: Result,
): string {
  const also = kept === undefined ? '' : `; ${printable(kept)}`;
  if (joined) return `${printable(file)}: in ${printable(output!)}${also}`;
  const what = [
    count(functions, 'function'),
    count(lines, 'line'),
    count(publics, 'public symbol'),
    count(frames, 'frame record'),
  ].join(', ');
  return `${printable(file)}: ${what}, ${size(bytes)} in ${printable(output!)}${also}`;
}
