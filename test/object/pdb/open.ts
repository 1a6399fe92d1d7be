import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BytesSource, runSync } from '../../../src/io/index.js';
import { PdbDebugInformation, PdbFile } from '../../../src/object/pdb/index.js';
import type { SymbolListener } from '../../../src/object/symbol-listing.js';
import { corpusFolder } from '../../support/tools.js';

export const corpusPath = (...names: string[]) => join(corpusFolder() ?? '', 'symbolic', ...names);

export function openPdb(path: string): { pdb: PdbFile; information: PdbDebugInformation } {
  const pdb = runSync(PdbFile.open(new BytesSource(readFileSync(path))));
  return { pdb, information: new PdbDebugInformation(pdb) };
}

export interface ListedFunction {
  start: number;
  size: number;
  parameterSize: number;
  name: string;
  lines: { start: number; size: number; line: number; file: string }[];
  inlines: { depth: number; line: number; file: string; name: string; ranges: number[] }[];
}

/** All that a PDB lists; frames as STACK WIN records. */
export function listed(information: PdbDebugInformation) {
  const functions: ListedFunction[] = [];
  const publics: { start: number; parameterSize: number; name: string }[] = [];
  const frames: string[] = [];
  const files: string[] = [];
  const origins: string[] = [];
  const numberIn = (list: string[], text: string) => {
    const known = list.indexOf(text);
    return known >= 0 ? known : list.push(text) - 1;
  };
  const listener: SymbolListener = {
    file: (name) => numberIn(files, name),
    origin: (name) => numberIn(origins, name),
    function: (start, size, parameterSize, name) => {
      functions.push({ start, size, parameterSize, name, lines: [], inlines: [] });
    },
    line: (start, size, line, file) => {
      functions.at(-1)!.lines.push({ start, size, line, file: files[file]! });
    },
    inline: (depth, line, file, origin, ranges) => {
      const one = { depth, line, file: files[file]!, name: origins[origin]! };
      functions.at(-1)!.inlines.push({ ...one, ranges: Array.from(ranges) });
    },
    publicSymbol: (start, parameterSize, name) => {
      publics.push({ start, parameterSize, name });
    },
    cfi: () => {},
    cfiDelta: () => {},
    windowsFrame: (frame) => {
      const { start, size, prologSize, epilogSize, parameterSize, savedRegisterSize } = frame;
      const numbers = [start, size, prologSize, epilogSize, parameterSize, savedRegisterSize];
      const all = [...numbers, frame.localSize, frame.maxStackSize].map((one) => one.toString(16)).join(' ');
      const rest =
        frame.program === undefined ? `0 ${frame.allocatesBasePointer ? 1 : 0}` : `1 ${frame.program}`;
      frames.push(`STACK WIN ${frame.program === undefined ? 0 : 4} ${all} ${rest}`.trimEnd());
    },
  };
  runSync(information.list(listener));
  return { functions, publics, frames, files, origins };
}
