import {
  decodeHandleData,
  type HandleDescriptor,
  handleObjectInformationTypes,
  MINIDUMP_HANDLE_OBJECT_INFORMATION,
} from '../../format/index.js';
import { MinidumpError, type Task } from '../../io/index.js';
import type { Minidump } from '../minidump.js';
import { partOr, readPart, readParts, readStrings } from '../parts.js';
import type { Decoder } from './decoder.js';

/** One link of the chain of what is known of a handle's object. What `data` holds is not documented. */
export interface HandleObjectInformation {
  InfoType: number;
  /** MINIDUMP_HANDLE_OBJECT_INFORMATION_TYPE */
  typeName: string | undefined;
  data: Uint8Array;
}

export interface Handle extends HandleDescriptor {
  /** "File", "Event" …; undefined where there is none. */
  typeName: string | undefined;
  objectName: string | undefined;
  objectInformation: HandleObjectInformation[];
  problems: MinidumpError[];
}

export const readHandles: Decoder<Handle[]> = function* (dump, bytes) {
  const handles = decodeHandleData(bytes, dump.littleEndian);
  const typeNames = yield* readNames(
    dump,
    handles.map(({ TypeNameRva }) => TypeNameRva),
  );
  const objectNames = yield* readNames(
    dump,
    handles.map(({ ObjectNameRva }) => ObjectNameRva),
  );
  const all: Handle[] = [];
  for (const [i, handle] of handles.entries()) {
    const problems: MinidumpError[] = [];
    all.push({
      ...handle,
      typeName: partOr(typeNames[i], problems),
      objectName: partOr(objectNames[i], problems),
      objectInformation: yield* readChain(dump, handle.ObjectInfoRva ?? 0, problems),
      problems,
    });
  }
  return all;
};

/** An RVA of 0 is no name. */
function* readNames(dump: Minidump, rvas: readonly number[]): Task<(string | MinidumpError | undefined)[]> {
  const given = rvas.flatMap((rva, i) => (rva === 0 ? [] : [i]));
  const found = yield* readStrings(
    dump,
    'handle name',
    given.map((i) => rvas[i]!),
  );
  const names: (string | MinidumpError | undefined)[] = new Array(rvas.length).fill(undefined);
  given.forEach((i, at) => {
    names[i] = found[at];
  });
  return names;
}

/** DbgHelp's chains have a link a type of information; a longer one is a loop. */
const LONGEST_CHAIN = 16;
const LONGEST_INFORMATION = 0x10000;

function* readChain(
  dump: Minidump,
  first: number,
  problems: MinidumpError[],
): Task<HandleObjectInformation[]> {
  const chain: HandleObjectInformation[] = [];
  const what = 'handle information';
  try {
    for (let rva = first; rva !== 0; ) {
      if (chain.length === LONGEST_CHAIN) {
        throw new MinidumpError('malformed', `${what}: a chain of more than ${LONGEST_CHAIN}, or a loop`);
      }
      const size = MINIDUMP_HANDLE_OBJECT_INFORMATION.size;
      const head = yield* readPart(dump, what, { rva, size }, size);
      const info = MINIDUMP_HANDLE_OBJECT_INFORMATION.decode(head, 0, dump.littleEndian);
      const [data] = yield* readParts(
        dump,
        what,
        [{ rva: rva + size, size: info.SizeOfInfo }],
        LONGEST_INFORMATION,
      );
      if (data instanceof MinidumpError) throw data;
      chain.push({
        InfoType: info.InfoType,
        typeName: handleObjectInformationTypes.nameOf(info.InfoType),
        data: data!,
      });
      rva = info.NextInfoRva;
    }
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw error;
    problems.push(error);
  }
  return chain;
}
