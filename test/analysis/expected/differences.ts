/** What was compared with what. */
export type ComparisonName =
  | "rust-minidump's text"
  | "rust-minidump's trace"
  | "rust-minidump's JSON"
  | "Breakpad's stacks"
  | "symbolicator's stacks"
  | "symbolic's functions";

/** A text, an expression that it fits, or undefined: it is not there. */
export type Pattern = string | RegExp | undefined;

/** Where our answer is another one than that of a reference, and why. */
export interface Difference {
  readonly comparison: ComparisonName;
  /** The dump, or the file with the expectation; any if it is not given. */
  readonly of?: string | RegExp;
  /** The field, or the line before; any if it is not given. */
  readonly at?: string | RegExp;
  readonly theirs: Pattern;
  readonly ours: Pattern;
  /** A rule that both must keep. */
  readonly when?: (theirs: string, ours: string) => boolean;
  readonly reason: string;
}

const number = (text: string) => BigInt(text);

const numbersIn = (text: string) => (text.match(/0x[0-9a-f]+/g) ?? []).map(number).join(' ');

/** Names of one function in the tables of an object file. */
const kind = (mangled: string) =>
  mangled.replace(/([CD])[1-4]E/, '$1E').replace(/\.(?:isra|part|constprop)\.\d+/g, '');

/** Between names of functions, the innermost first. */
export const CALLED_BY = ' <- ';

/**
 * Every difference between our answers and those of the references on the corpus. The tests beside this file fail for a
 * difference that is not here, and for one here that does not occur any more. The first one that fits counts.
 */
export const differences: readonly Difference[] = [
  // ---- rust-minidump's text
  {
    comparison: "rust-minidump's text",
    of: /^human(-symbols)?\.snap$|^linux_human\.snap$/,
    at: '',
    theirs: '',
    ours: undefined,
    reason: 'an empty line more before the modules',
  },
  {
    comparison: "rust-minidump's text",
    theirs: /^\n?Unloaded modules:\n\nUnimplemented streams encountered:\n(Stream 0x\w+ .*\n?)+$/,
    ours: undefined,
    reason:
      'a heading over no unloaded modules says nothing, and the streams that it does not read are read here: `mdmp show` prints them',
  },
  {
    comparison: "rust-minidump's text",
    of: 'linux_human.snap',
    theirs: 'Crashing instruction: `mov dword [0x45], 0x5`',
    ours: 'Crashing instruction: `mov dword ptr [0x45], 5`',
    reason: "the text is Capstone's, as debuggers write it; in the JSON the instruction is written as theirs",
  },
  {
    comparison: "rust-minidump's text",
    of: 'linux_human.snap',
    theirs: 'No instruction pointer update by instruction',
    ours: undefined,
    reason: 'true of nearly all instructions: said in the JSON only',
  },
  {
    comparison: "rust-minidump's text",
    of: 'linux_human.snap',
    at: 'Process uptime: not available',
    theirs: '',
    ours: undefined,
    reason: 'no empty line between two facts of the process',
  },

  // ---- rust-minidump's trace: other words by design
  {
    comparison: "rust-minidump's trace",
    at: '',
    theirs: /^WARN Minidump contains multiple streams of type 0 .*\nstarting stack unwind of thread 3060$/,
    ours: undefined,
    reason: 'unused entries of the directory are no reason for a warning; each of our lines names the thread',
  },
  {
    comparison: "rust-minidump's trace",
    at: 'trying frame pointer',
    theirs: /^frame pointer seems valid -- caller_ip: 0x\w+, caller_sp: 0x\w+$/,
    ours: /^taken: return address 0x\w+, stack pointer 0x\w+$/,
    when: (theirs, ours) => numbersIn(theirs) === numbersIn(ours),
    reason: 'the same addresses in our words',
  },
  {
    comparison: "rust-minidump's trace",
    at: 'trying frame pointer',
    theirs:
      /caller_ip: 0x00000000, caller_sp: 0x0012fff8\ninstruction pointer was nullish, assuming unwind complete\nfinished stack unwind of thread 3060$/,
    ours: 'taken: return address 0x0, stack pointer 0x12fff8\nend: nobody is at 0x0',
    reason: 'the same end in our words',
  },

  // ---- rust-minidump's JSON
  {
    comparison: "rust-minidump's JSON",
    of: /^symbolic\/macos\/crash\.sym/,
    at: /^threads\.\d+\.frames\.\d+\.line$/,
    theirs: '0',
    ours: 'null',
    reason: 'line 0 is how DWARF says that code is of no line',
  },

  // ---- Breakpad's stacks
  {
    comparison: "Breakpad's stacks",
    at: /\.offset$/,
    theirs: /^0x/,
    ours: /^0x/,
    when: (theirs, ours) => [1n, 4n].includes(number(theirs) - number(ours)),
    reason:
      'Breakpad counts from the return address, rust-minidump and we from the address that is looked up: one less (ARM64: four), inside of the call',
  },
  {
    comparison: "Breakpad's stacks",
    at: /frame 0\.registers\.efl$/,
    theirs: /^0x/,
    ours: undefined,
    reason: 'Breakpad calls eflags efl in texts',
  },
  {
    comparison: "Breakpad's stacks",
    at: /frame 0\.registers\.eflags$/,
    theirs: undefined,
    ours: /^0x/,
    reason: 'the other half of it',
  },
  {
    comparison: "Breakpad's stacks",
    of: /minidump2|test\.dmp|minidump_32bit_crash_addr|windows\.dmp with symbols/,
    at: /frame [1-9]\d*\.registers\.(?:ebx|esi|edi)$/,
    theirs: undefined,
    ours: /^0x/,
    reason:
      'over STACK WIN programs Breakpad forgets what callees save; rust-minidump and we carry it on, as functions must',
  },
  {
    comparison: "Breakpad's stacks",
    at: /frame [1-9]\d*\.registers\.[re]bp$/,
    theirs: /^0x/,
    ours: undefined,
    reason:
      'over a frame found by scanning Breakpad believes the frame pointer more often; rust-minidump and we only if it points into the stack above',
  },
  {
    comparison: "Breakpad's stacks",
    of: /tiny-exe-fastfail|tiny-exe-with-cet-xsave\.dmp|invalid-parameter/,
    at: /frame 1\.trust$/,
    theirs: 'simulating a return from leaf function',
    ours: 'stack scanning',
    reason:
      'without symbols nothing says that a function is a leaf: rust-minidump and we call the same address a guess',
  },
  {
    comparison: "Breakpad's stacks",
    of: /tiny-exe-fastfail|tiny-exe-with-cet-xsave\.dmp|invalid-parameter/,
    at: /frame 1\.registers\.r\w+$/,
    theirs: /^0x/,
    ours: undefined,
    reason: 'the registers of that leaf, which would have changed none',
  },
  {
    comparison: "Breakpad's stacks",
    of: /^breakpad\/tiny-exe-with-cet-xsave-x86\.dmp/,
    at: /^thread \d frame \d$/,
    theirs: undefined,
    ours: /^(?:given as instruction pointer in context|previous frame's frame pointer) 0x/,
    reason:
      'this release of Breakpad does not know a CONTEXT of x86 with XSTATE behind it, and walks no stack',
  },

  {
    comparison: "Breakpad's stacks",
    of: 'symbolic/macos/crash.inlines.sym',
    at: /inlined calls$/,
    theirs: /^/,
    ours: /^/,
    when: (theirs, ours) => theirs.split(CALLED_BY).every((name) => ours.split(CALLED_BY).includes(name)),
    reason:
      "calls that were inlined into each other: this release of Breakpad mixes their order up, or misses some; ours are as rust-minidump's, and as symbolic lists them",
  },
  {
    comparison: "Breakpad's stacks",
    of: 'symbolic/macos/crash.inlines.sym',
    at: /frame 0\.offset$/,
    theirs: /^0x/,
    ours: '0x0',
    reason: 'an inlined call has an offset from its line in Breakpad, none in rust-minidump and here',
  },
  {
    comparison: "Breakpad's stacks",
    of: 'symbolic/macos/crash.inlines.sym',
    at: /frame 1\.offset$/,
    theirs: /^0x/,
    ours: /^0x/,
    when: (theirs, ours) => number(theirs) <= number(ours),
    reason:
      'over an inlined call Breakpad counts from the line that it is in, rust-minidump and we from the function: the line is one of the call',
  },
  {
    comparison: "Breakpad's stacks",
    of: 'symbolic/macos/crash.sym',
    at: /\.line$/,
    theirs: '0',
    ours: '',
    reason: 'line 0 is how DWARF says that code is of no line',
  },
  {
    comparison: "Breakpad's stacks",
    of: 'symbolic/macos/crash.sym',
    at: /\.function$/,
    theirs: '',
    ours: '_mh_execute_header',
    reason: 'Breakpad ignores a PUBLIC record of address 0, rust-minidump and we do not',
  },
  {
    comparison: "Breakpad's stacks",
    of: /test_app\.sym$/,
    at: /\.function$/,
    theirs: 'DName::operator=(DName const &)',
    ours: 'DName::operator|=(DName const &)',
    reason:
      'two functions that the linker made one: of two records for an address rust-minidump and we take the last',
  },

  // ---- symbolicator's stacks
  {
    comparison: "symbolicator's stacks",
    of: /^minidump_windows\.snap/,
    at: 'threads.0.frames.1.instruction_addr',
    theirs: '0x2a2d96',
    ours: '0x2a2d97',
    reason: 'of callers with symbols it prints the address that was looked up, of others the return address',
  },
  {
    comparison: "symbolicator's stacks",
    of: /^minidump_windows\.snap with .*crash\.pdb$/,
    at: 'threads.0.frames.0.inlined',
    theirs: undefined,
    ours: `\`anonymous namespace'::crash()${CALLED_BY}\`anonymous namespace'::start()`,
    reason:
      'its answer was made with a .sym file that has no inlined calls, the PDB has them: main.cpp has crash() in line 24, called by start()',
  },
  {
    comparison: "symbolicator's stacks",
    of: /^minidump_windows\.snap with .*crash\.pdb$/,
    at: 'threads.0.frames.1.inlined',
    theirs: undefined,
    ours: 'invoke_main()',
    reason: 'the same: the .sym file does not tell that main was called by an inlined function',
  },
  {
    comparison: "symbolicator's stacks",
    of: /^minidump_windows\.snap with .*crash\.pdb$/,
    at: /^threads\.0\.frames\.1\.(?:symbol|function)$/,
    theirs: '__scrt_common_main_seh',
    ours: '__scrt_common_main_seh()',
    reason: 'a function without a public symbol: dump_syms has no arguments, we have them from the type',
  },

  // ---- symbolic's functions
  {
    comparison: "symbolic's functions",
    of: 'elf_functions.snap',
    at: /\.names\.\d+$/,
    theirs: /^_Z/,
    ours: /^_Z/,
    when: (theirs, ours) => kind(theirs) === kind(ours),
    reason:
      'a constructor or destructor has two names for one address, and a clone one of its own in the symbol table: it takes another one than DWARF has',
  },
  {
    comparison: "symbolic's functions",
    of: 'crash.sym',
    theirs: />/,
    ours: />/,
    when: (theirs, ours) => ours.includes(theirs.replace(/>(?: >)+/g, (all) => all.replaceAll(' ', ''))),
    reason:
      'brackets that close together stood apart in C++ before 2011: GNU still writes them so, LLVM and we do not',
  },
  {
    comparison: "symbolic's functions",
    of: 'elf_symbols.snap',
    theirs: /^_Z/,
    ours: / /,
    when: (theirs, ours) => ours.split(' ').includes(theirs),
    reason: 'of several names for one address it lists one; we keep all, and take the same one',
  },
];
