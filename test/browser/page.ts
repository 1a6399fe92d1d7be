/// <reference lib="dom" />
/**
 * What runs in the page of test/browser/browser.test.ts: it fetches dumps and symbols from the server that it came from, analyses
 * them, and sends back what it found.
 */
import { decompress } from 'fzstd';
import { BlobSource, type Folder, type FolderFile, inflateStream, runAsync } from 'mdmp';
import {
  analyze,
  type CapstoneModule,
  capstoneDisassembler,
  crashSignature,
  reportText,
  rustMinidumpReport,
} from 'mdmp/analysis';
import { Minidump } from 'mdmp/reader';
import { SymbolFile, SymbolFolder, type SymbolSupplier, Symbols } from 'mdmp/symbols';

/** A dump and its symbols, as the server has them. */
export interface Case {
  name: string;
  dump: string;
  /** A folder of symbols: the files by their path in it. */
  folder: Record<string, string>;
  /** Files that are symbols of whatever module they say. */
  files: string[];
}

export interface Answers {
  json: string;
  text: string;
  signature: string;
}

declare global {
  /** Of capstone.js, which the page loads by itself. */
  var MCapstone: () => Promise<CapstoneModule>;
}

class PageFile extends BlobSource implements FolderFile {
  readonly name: string;
  readonly stamp: string;

  constructor(file: File) {
    super(file);
    this.name = file.name;
    this.stamp = `${file.size}-${file.lastModified}`;
  }

  [Symbol.dispose](): void {}
}

/** Files that a page was given, as by `<input type="file" webkitdirectory>`. */
class PageFolder implements Folder {
  readonly name = 'the page';
  readonly #files: ReadonlyMap<string, File>;

  constructor(files: ReadonlyMap<string, File>) {
    this.#files = files;
  }

  open(path: string): FolderFile | undefined {
    const file = this.#files.get(path);
    return file && new PageFile(file);
  }
}

async function fetchFile(url: string): Promise<File> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return new File([await answer.blob()], url);
}

async function answersOf({ dump, folder, files }: Case): Promise<Answers> {
  const inFolder = new Map<string, File>();
  for (const [path, url] of Object.entries(folder)) inFolder.set(path, await fetchFile(url));
  const single = await Promise.all(files.map(fetchFile));
  const suppliers: SymbolSupplier[] = [
    ...(inFolder.size > 0 ? [new SymbolFolder(new PageFolder(inFolder))] : []),
    ...single.map((file) => new SymbolFile(() => new PageFile(file))),
  ];
  const symbols = new Symbols(suppliers, {
    decompress: { inflate: inflateStream, zstd: (bytes, size) => decompress(bytes, new Uint8Array(size)) },
  });
  const disassembler = capstoneDisassembler(await MCapstone());
  const analysis = await analyze(await Minidump.open(await fetchFile(dump)), { symbols, disassembler });
  const report = await runAsync(rustMinidumpReport(analysis));
  return {
    json: JSON.stringify(report),
    text: await runAsync(reportText(analysis)),
    signature: crashSignature(report as Parameters<typeof crashSignature>[0]).signature,
  };
}

async function main(): Promise<void> {
  const cases: Case[] = await (await fetch('/cases')).json();
  const answers: Record<string, Answers> = {};
  for (const one of cases) answers[one.name] = await answersOf(one);
  await fetch('/answers', {
    method: 'POST',
    body: JSON.stringify({ answers, browser: navigator.userAgent }),
  });
}

main().catch((error: Error) => fetch('/failure', { method: 'POST', body: error.stack ?? String(error) }));
