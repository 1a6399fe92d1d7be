import { MinidumpError } from '../io/index.js';

/**
 * The flags of ProcDump for Linux (3.x), which commander cannot take: it reads `-cl` as `-c l`. Those of the same meaning have a long
 * option here.
 */
export const PROCDUMP_FLAGS: Readonly<Record<string, { option: string; value: boolean }>> = {
  '-c': { option: '--cpu', value: true },
  '-cl': { option: '--cpu-below', value: true },
  '-m': { option: '--memory', value: true },
  '-ml': { option: '--memory-below', value: true },
  '-tc': { option: '--threads', value: true },
  '-fc': { option: '--descriptors', value: true },
  '-s': { option: '--seconds', value: true },
  '-n': { option: '--count', value: true },
  '-pf': { option: '--poll', value: true },
  '-sig': { option: '--signal', value: true },
  '-w': { option: '--wait', value: false },
  '-o': { option: '--overwrite', value: false },
  '-pgid': { option: '--group', value: false },
  '-?': { option: '--help', value: false },
};

/** Those that mean something that mdmp has not, and what to do instead. */
const WITHOUT_COUNTERPART: Readonly<Record<string, string>> = {
  '-gcm': "It is about .NET's garbage collector. --memory watches all memory.",
  '-gcgen': "It is about .NET's garbage collector.",
  '-e': 'It is about .NET exceptions. Crashes need no flag.',
  '-f': 'It is about .NET exceptions. Leave it out.',
  '-fx': 'It is about leak reports. Leave it out.',
  '-restrack': 'mdmp makes no leak reports. Leave it out.',
  '-sr': 'mdmp makes no leak reports. Leave it out.',
  '-mc': 'What goes into a dump is chosen with --type.',
  '-log': 'mdmp has no log of its own. Leave it out.',
};

/**
 * A command line with ProcDump's flags, in any case as ProcDump takes them, written with mdmp's long options. What follows `--` is the
 * program's own and stays, and so does the value of a flag. `/c`, ProcDump's other way to write `-c`, may be a path and stays.
 *
 * @param argv the words behind the name of the command
 * @throws MinidumpError `unsupported` for a flag of ProcDump that mdmp has nothing for
 */
export function translateProcdumpFlags(argv: readonly string[]): string[] {
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') return [...words, ...argv.slice(i)];
    const name = word.toLowerCase();
    if (Object.hasOwn(WITHOUT_COUNTERPART, name)) {
      throw new MinidumpError('unsupported', `mdmp has nothing for ProcDump's ${word}`, {
        advice: WITHOUT_COUNTERPART[name]!,
      });
    }
    const flag = Object.hasOwn(PROCDUMP_FLAGS, name) ? PROCDUMP_FLAGS[name]! : undefined;
    words.push(flag?.option ?? word);
    // Also where it begins with a minus: `-c -5` is a wrong number, not a flag.
    const next = argv[i + 1];
    if (flag?.value && next !== undefined && next !== '--') {
      words.push(next);
      i++;
    }
  }
  return words;
}
