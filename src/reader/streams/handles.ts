import {
  decodeHandleData,
  type HandleDescriptor,
  handleObjectInformationTypes,
  MINIDUMP_HANDLE_OBJECT_INFORMATION,
} from '../../format/index.js';
import { MinidumpError, type Task } from '../../io/index.js';
import type { Minidump } from '../minidump.js';
import { partOr, readParts, readStrings } from '../parts.js';
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
  const chains = yield* readChains(
    dump,
    handles.map(({ ObjectInfoRva }) => ObjectInfoRva ?? 0),
  );
  return handles.map((handle, i) => {
    const { objectInformation, problems } = chains[i]!;
    return {
      ...handle,
      typeName: partOr(typeNames[i], problems),
      objectName: partOr(objectNames[i], problems),
      objectInformation,
      problems,
    };
  });
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

interface Chain {
  objectInformation: HandleObjectInformation[];
  problems: MinidumpError[];
}

/** All chains at once, link by link. */
function* readChains(dump: Minidump, firsts: readonly number[]): Task<Chain[]> {
  const what = 'handle information';
  const chains: Chain[] = firsts.map(() => ({ objectInformation: [], problems: [] }));
  let links = firsts.flatMap((rva, i) => (rva === 0 ? [] : [{ chain: chains[i]!, rva }]));
  for (let length = 0; links.length > 0; length++) {
    if (length === LONGEST_CHAIN) {
      const endless = `${what}: a chain of more than ${LONGEST_CHAIN}, or a loop`;
      for (const { chain } of links) chain.problems.push(new MinidumpError('malformed', endless));
      break;
    }
    const size = MINIDUMP_HANDLE_OBJECT_INFORMATION.size;
    const heads = yield* readParts(
      dump,
      what,
      links.map(({ rva }) => ({ rva, size })),
      size,
    );
    const found = links.flatMap(({ chain, rva }, i) => {
      const head = partOr(heads[i]!, chain.problems);
      if (!head) return [];
      return [{ chain, rva, ...MINIDUMP_HANDLE_OBJECT_INFORMATION.decode(head, 0, dump.littleEndian) }];
    });
    const bodies = yield* readParts(
      dump,
      what,
      found.map(({ rva, SizeOfInfo }) => ({ rva: rva + size, size: SizeOfInfo })),
      LONGEST_INFORMATION,
    );
    found.forEach(({ chain, InfoType }, i) => {
      const data = partOr(bodies[i]!, chain.problems);
      if (!data) return;
      const typeName = handleObjectInformationTypes.nameOf(InfoType);
      chain.objectInformation.push({ InfoType, typeName, data: data.slice() });
    });
    links = found.flatMap(({ chain, NextInfoRva }) =>
      NextInfoRva === 0 ? [] : [{ chain, rva: NextInfoRva }],
    );
  }
  return chains;
}
