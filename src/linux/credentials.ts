import { capabilitiesOf } from './capabilities.js';
import { parseStatus } from './stat.js';

/** What says who a process or thread is: texts of its folder in /proc, and the names of its users and groups. */
export interface Credentials {
  status: string;
  users: Names;
  groups: Names;
  /** `mnt` → `mnt:[4026531841]`, in the order in which they are to be told. */
  namespaces: readonly (readonly [name: string, link: string])[];
  /** attr/current: of the security module. */
  label: string | undefined;
  cgroup: string | undefined;
  loginUid: string | undefined;
  oomScoreAdj: string | undefined;
}

/** The name of an id as /proc shows it, or undefined. */
export type Names = (id: number) => string | undefined;

/** Lines of /proc/PID/status that are credentials, in the order of the token. A thread with others has a token of its own. */
const CREDENTIALS = [
  'Uid',
  'Gid',
  'Groups',
  'CapInh',
  'CapPrm',
  'CapEff',
  'CapBnd',
  'CapAmb',
  'NoNewPrivs',
  'Seccomp',
  'Seccomp_filters',
  'Speculation_Store_Bypass',
  'SpeculationIndirectBranch',
];
const LINES = [...CREDENTIALS.slice(0, 3), 'NStgid', 'NSpid', ...CREDENTIALS.slice(3)];
/** Behind this line stand the names of its capabilities. */
const EFFECTIVE = 'CapEff';

/** Two with the same text are the same to the system. */
export function credentialsOf(status: string, label: string | undefined): string {
  const fields = parseStatus(status);
  return [...CREDENTIALS.map((name) => fields.get(name) ?? ''), label ?? ''].join('\n');
}

/**
 * The data of a token: lines in the form of /proc/PID/status, `Name:`, a tab, the value. First those of status itself, in this
 * order: Uid, Gid, Groups, NStgid, NSpid, CapInh, CapPrm, CapEff, CapEffNames, CapBnd, CapAmb, NoNewPrivs, Seccomp,
 * Seccomp_filters, Speculation_Store_Bypass, SpeculationIndirectBranch; then User and Group (names of the four ids of Uid
 * and Gid), GroupNames (of Groups), a Namespace-KIND line each, Label, a Cgroup line each, LoginUid, OomScoreAdj. What
 * the kernel does not tell has no line; an id without a name is told as the number.
 */
export function tokenText(credentials: Credentials): string {
  const { status, users, groups, namespaces, label, cgroup, loginUid, oomScoreAdj } = credentials;
  const fields = parseStatus(status);
  const lines: string[] = [];
  const add = (name: string, value: string | undefined) => {
    if (value !== undefined) lines.push(`${name}:\t${value}\n`);
  };
  for (const name of LINES) {
    const value = fields.get(name);
    add(name, value);
    if (name === EFFECTIVE && value !== undefined) add('CapEffNames', capabilitiesOf(value).join(','));
  }
  add('User', named(fields.get('Uid'), users, '\t'));
  add('Group', named(fields.get('Gid'), groups, '\t'));
  add('GroupNames', named(fields.get('Groups'), groups, ' '));
  for (const [name, link] of namespaces) add(`Namespace-${name}`, link);
  add('Label', label);
  for (const line of cgroup?.split('\n').filter((line) => line !== '') ?? []) add('Cgroup', line);
  add('LoginUid', loginUid);
  add('OomScoreAdj', oomScoreAdj);
  return lines.join('');
}

function named(ids: string | undefined, names: Names, separator: string): string | undefined {
  return ids
    ?.split(/\s+/)
    .filter((id) => id !== '')
    .map((id) => names(Number(id)) ?? id)
    .join(separator);
}

/** A line of /proc/PID/uid_map or gid_map. */
interface IdRange {
  inside: number;
  outside: number;
  count: number;
}

function parseIdMap(text: string): IdRange[] {
  return text.split('\n').flatMap((line) => {
    const [inside, outside, count] = line.trim().split(/\s+/).map(Number);
    return count === undefined ? [] : [{ inside: inside!, outside: outside!, count }];
  });
}

/**
 * Names from the text of /etc/passwd or /etc/group (`name:password:id:…`), for ids as /proc shows them to the reader.
 *
 * @param idMap uid_map or gid_map of the process: its files speak of the ids inside its user namespace
 */
export function namesFrom(text: string, idMap: string): Names {
  const byId = new Map<number, string>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    // A name that would break the line is none.
    if (id === undefined || !/^\d+$/.test(id) || !/^[^\s,]+$/.test(name!)) continue;
    if (!byId.has(Number(id))) byId.set(Number(id), name!);
  }
  const ranges = parseIdMap(idMap);
  return (id) => {
    if (ranges.length === 0) return byId.get(id);
    const range = ranges.find(({ outside, count }) => id >= outside && id < outside + count);
    return range === undefined ? undefined : byId.get(id - range.outside + range.inside);
  };
}
