import type { Task } from '../../io/index.js';
import { cString } from '../bytes.js';
import { type DataDirectory, DIRECTORY, isCode, type PeHeaders, sectionAt } from './headers.js';

/** A PE image by RVA: a file, as the loader would lay it out, or what lies in the memory of a dump. */
export interface PeImage {
  readonly headers: PeHeaders;
  /** Exactly so many bytes; undefined where they are not there, or reach past what is loaded together. */
  read(rva: number, length: number): Task<Uint8Array | undefined>;
}

export function directoryOf(headers: PeHeaders, which: keyof typeof DIRECTORY): DataDirectory | undefined {
  const found = headers.directories[DIRECTORY[which]];
  return found === undefined || found.address === 0 || found.size === 0 ? undefined : found;
}

/** Whether code is at an RVA, as the section headers have it. */
export function mayRun(headers: PeHeaders, rva: number): boolean {
  const section = sectionAt(headers.sections, rva);
  return section !== undefined && isCode(section);
}

const MAX_TEXT = 64 * 1024;

/** The text at an RVA, up to its NUL; undefined where none ends inside its section, or it is not there. */
export function* readText(image: PeImage, rva: number): Task<string | undefined> {
  const section = sectionAt(image.headers.sections, rva);
  if (section === undefined) return undefined;
  const left = section.address + (section.virtualSize || section.size) - rva;
  for (let length = 128; ; length *= 8) {
    const there = Math.min(length, left);
    const bytes = yield* image.read(rva, there);
    if (bytes === undefined) return undefined;
    const text = cString(bytes);
    if (text !== undefined) return text;
    if (there === left || length > MAX_TEXT) return undefined;
  }
}
