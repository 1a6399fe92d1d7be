import {
  CRASHPAD_ANNOTATION_STRING,
  CRASHPAD_INFO_LEAST_SIZE,
  checkLength,
  decodeCountedList,
  guidText,
  type Layout,
  type MINIDUMP_LOCATION_DESCRIPTOR,
  MinidumpAnnotation,
  MinidumpCrashpadInfo,
  MinidumpModuleCrashpadInfo,
  MinidumpModuleCrashpadInfoLink,
  MinidumpSimpleStringDictionaryEntry,
  u32,
} from '../../format/index.js';
import type { MinidumpError, Task } from '../../io/index.js';
import type { Minidump } from '../minidump.js';
import { type Part, partOr, readByteArrays, readParts, readUtf8Strings, utf8 } from '../parts.js';
import type { Decoder } from './decoder.js';

/** A value that a program attached to its crash report. */
export interface CrashpadAnnotation {
  name: string;
  /** 1: a text. The program gives the others their meaning. */
  type: number;
  /** A text for type 1. */
  value: string | Uint8Array;
}

export interface CrashpadModule {
  /** Index into the module list. */
  moduleIndex: number;
  version: number;
  /** Texts without a name. */
  listAnnotations: string[];
  simpleAnnotations: Record<string, string>;
  annotationObjects: CrashpadAnnotation[];
}

export interface CrashpadInfo {
  version: number;
  reportId: string;
  clientId: string;
  simpleAnnotations: Record<string, string>;
  modules: CrashpadModule[];
  /** The bits of a pointer that are its address, or 0 if that is not known. */
  addressMask: bigint;
  problems: MinidumpError[];
}

/** Longer than any list of annotations. */
const LONGEST_LIST = 1 << 24;

export const readCrashpadInfo: Decoder<CrashpadInfo> = function* (dump, bytes) {
  checkLength('CrashpadInfo', bytes, CRASHPAD_INFO_LEAST_SIZE);
  // What an old Crashpad does not write reads as zero.
  const whole = new Uint8Array(MinidumpCrashpadInfo.size);
  whole.set(bytes.subarray(0, whole.length));
  const info = MinidumpCrashpadInfo.decode(whole, 0, dump.littleEndian);
  const problems: MinidumpError[] = [];
  const [simple] = yield* readDictionaries(dump, [info.simple_annotations], problems);
  const [links] = yield* readLists(dump, [info.module_list], MinidumpModuleCrashpadInfoLink, problems);
  return {
    version: info.version,
    reportId: guidText(info.report_id),
    clientId: guidText(info.client_id),
    simpleAnnotations: simple!,
    modules: yield* readModuleInfos(dump, links!, problems),
    addressMask: info.address_mask,
    problems,
  };
};

function* readModuleInfos(
  dump: Minidump,
  links: readonly { minidump_module_list_index: number; location: MINIDUMP_LOCATION_DESCRIPTOR }[],
  problems: MinidumpError[],
): Task<CrashpadModule[]> {
  const heads = yield* readParts(
    dump,
    'annotations of a module',
    links.map(({ location }) => ({ rva: location.Rva, size: MinidumpModuleCrashpadInfo.size })),
    MinidumpModuleCrashpadInfo.size,
  );
  const found = links.flatMap((link, i) => {
    const head = partOr(heads[i]!, problems);
    return head ? [{ link, info: MinidumpModuleCrashpadInfo.decode(head, 0, dump.littleEndian) }] : [];
  });
  const lists = yield* readLists(
    dump,
    found.map(({ info }) => info.list_annotations),
    u32,
    problems,
  );
  const texts = yield* inGroups(lists, (rvas) => readUtf8Strings(dump, 'annotation', rvas));
  const dictionaries = yield* readDictionaries(
    dump,
    found.map(({ info }) => info.simple_annotations),
    problems,
  );
  const objects = yield* readObjects(
    dump,
    found.map(({ info }) => info.annotation_objects),
    problems,
  );
  return found.map(({ link, info }, i) => ({
    moduleIndex: link.minidump_module_list_index,
    version: info.version,
    listAnnotations: texts[i]!.flatMap((text) => partOr(text, problems) ?? []),
    simpleAnnotations: dictionaries[i]!,
    annotationObjects: objects[i]!,
  }));
}

/** Lists of a count and its elements, one at each location. A broken list is an empty one. */
function* readLists<Out, In>(
  dump: Minidump,
  locations: readonly MINIDUMP_LOCATION_DESCRIPTOR[],
  element: Layout<Out, In>,
  problems: MinidumpError[],
): Task<Out[][]> {
  const parts = yield* readParts(
    dump,
    'annotations',
    locations.map(({ Rva, DataSize }) => ({ rva: DataSize === 0 ? 0 : Rva, size: DataSize })),
    LONGEST_LIST,
  );
  return parts.map((part) => {
    const bytes = partOr(part, problems);
    if (!bytes || bytes.length === 0) return [];
    try {
      return decodeCountedList('annotations', element, bytes, dump.littleEndian);
    } catch (error) {
      problems.push(error as MinidumpError);
      return [];
    }
  });
}

/** Asks for what all groups want at once, and deals the answers out again. */
function* inGroups<In, Out>(
  groups: readonly (readonly In[])[],
  ask: (all: readonly In[]) => Task<Out[]>,
): Task<Out[][]> {
  const answers = yield* ask(groups.flat());
  let at = 0;
  return groups.map((group) => {
    at += group.length;
    return answers.slice(at - group.length, at);
  });
}

function* readDictionaries(
  dump: Minidump,
  locations: readonly MINIDUMP_LOCATION_DESCRIPTOR[],
  problems: MinidumpError[],
): Task<Record<string, string>[]> {
  const lists = yield* readLists(dump, locations, MinidumpSimpleStringDictionaryEntry, problems);
  const rvas = lists.map((list) => list.flatMap(({ key, value }) => [key, value]));
  const texts = yield* inGroups(rvas, (all) => readUtf8Strings(dump, 'annotation', all));
  return texts.map((pairs) => {
    const entries: [string, string][] = [];
    for (let i = 0; i < pairs.length; i += 2) {
      const key = partOr(pairs[i]!, problems);
      const value = partOr(pairs[i + 1]!, problems);
      if (key !== undefined && value !== undefined) entries.push([key, value]);
    }
    return Object.fromEntries(entries);
  });
}

function* readObjects(
  dump: Minidump,
  locations: readonly MINIDUMP_LOCATION_DESCRIPTOR[],
  problems: MinidumpError[],
): Task<CrashpadAnnotation[][]> {
  const lists = yield* readLists(dump, locations, MinidumpAnnotation, problems);
  const names = yield* inGroups(
    lists.map((list) => list.map(({ name }) => name)),
    (all) => readUtf8Strings(dump, 'annotation', all),
  );
  const values: Part[][] = yield* inGroups(
    lists.map((list) => list.map(({ value }) => value)),
    (all) => readByteArrays(dump, 'annotation', all),
  );
  return lists.map((list, group) =>
    list.flatMap(({ type }, i) => {
      const name = partOr(names[group]![i]!, problems);
      const value = partOr(values[group]![i]!, problems);
      if (name === undefined || value === undefined) return [];
      return [{ name, type, value: type === CRASHPAD_ANNOTATION_STRING ? utf8(value) : value.slice() }];
    }),
  );
}
