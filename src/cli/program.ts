import { readFileSync } from 'node:fs';
import { Command, CommanderError, Option } from 'commander';
import { COMPRESSIONS } from './compression.js';
import { exitCodeTable, USAGE } from './exit-codes.js';
import { report } from './failure.js';
import { handleWriteErrors } from './output.js';

/*
 * The command line: names, options and help only. What a command does is loaded when it runs, so that `mdmp --help` or a
 * typing error do not wait for the reader or the engine.
 */

/** Runs the command line, without node and the script's name. Sets `process.exitCode`; never rejects. */
export async function run(words: readonly string[]): Promise<void> {
  const debug = words.includes('--debug');
  handleWriteErrors((error) => report(error, debug));
  try {
    await program(words[0] ?? '').parseAsync(await withLongOptions(words), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help that was asked for has the code 0.
      process.exitCode = error.exitCode === 0 ? 0 : USAGE;
    } else {
      report(error, debug);
    }
  }
}

/** ProcDump's flags are for the commands that do what it does. What follows `--` is not ours. */
async function withLongOptions(words: readonly string[]): Promise<string[]> {
  const [name, ...more] = words;
  if (name !== 'watch' && !(name === 'run' && words.includes('--'))) return [...words];
  const { translateProcdumpFlags } = await import('./procdump-flags.js');
  return [name, ...translateProcdumpFlags(more)];
}

/** @param name the first word of the command line */
function program(name: string): Command {
  const mdmp = new Command('mdmp');
  mdmp
    .description('Writes minidumps of live processes, decided by a callback, and shows what is in them.')
    .version(version(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({ outputError: (text, write) => write(usageError(text)) })
    .addHelpText(
      'after',
      `
Every command has its own help, with examples: \`mdmp dump --help\`.

Examples:
  mdmp dump 4242                       dump process 4242 into the current folder
  mdmp dump 4242 --callback keep.js    the same, decided by a callback
  mdmp info app.dmp                    what is in a dump, on one screen
  mdmp show app.dmp                    its streams

Exit codes: 0 when all went well, 2 for a wrong command line; see \`mdmp help exit-codes\`.`,
    );

  // Help lists all; a command that is called needs itself only.
  const called = Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]!] : Object.values(COMMANDS);
  for (const declare of called) declare(mdmp).option('--debug', 'show where an error comes from');
  return mdmp;
}

/** How each command is declared, by its name. */
const COMMANDS: Readonly<Record<string, (mdmp: Command) => Command>> = {
  dump: (mdmp) =>
    command(mdmp, 'dump <process>', 'write a minidump of a live process, by its id or name')
      .option('-o, --output <file>', 'the file to write, - for stdout (default: NAME.PID.TIME.dmp here)')
      .option('-t, --type <list>', 'what goes in: MINIDUMP_TYPE names or a number', 'normal')
      .option('-c, --callback <module>', 'a JavaScript module whose callback decides what goes in')
      .option('--comment <text>', 'a text to store in the dump')
      .option('--exception <tid,siginfo,ucontext>', 'the crash: a thread, and two addresses in the process')
      .option('-f, --force', 'replace the output file if it exists')
      .addOption(compress())
      .option('--max-pause <seconds>', 'let the process go on after this time, and give up (default: 10)')
      .option('--max-stack <size>', 'how much of a stack to take at most, such as 256K (default: 1M)')
      .option('--spool <folder>', 'where a large dump to a pipe lies until it is read (default: $TMPDIR)')
      .option('--snapshot <mode>', 'copy the memory from a frozen fork: auto, always or never', 'auto')
      .option('--dbghelp <dll>', "Windows: the DLL that writes the dump, in place of the system's")
      .option('--json', 'print the summary as JSON')
      .addHelpText('after', () => dumpHelp)
      .action(async (target, options) => (await import('./commands/dump.js')).dump(target, options)),

  run: (mdmp) =>
    watching(
      command(mdmp, 'run <command...>', 'start a program, and dump it when it crashes or a trigger fires'),
    )
      .usage('[options] -- COMMAND...')
      // What follows the name of the program is the program's.
      .passThroughOptions()
      .addHelpText(
        'after',
        `${watchHelp}
${examples('mdmp run -- ./server --port 80', 'mdmp run --dir /var/dumps --max-count 10 --type full -- node app.js', 'mdmp run --cpu 90 --seconds 30 --count 3 -- ./server')}`,
      )
      .action(async (words, options) => (await import('./commands/run.js')).run(words, options)),

  watch: (mdmp) =>
    watching(
      command(mdmp, 'watch [pid|name]', 'watch a process, and dump it when it crashes or a trigger fires'),
    )
      .option('-w, --wait', 'wait for a process of that name')
      .option('--release <pid>', 'have the watcher of a process let other debuggers in')
      .option('--resume <pid>', 'have it attach again')
      .option('--list', 'show the watchers that there are, and whom they watch')
      .addHelpText(
        'after',
        `${watchHelp}
On a terminal the key d makes a dump, and q ends the watch. \`mdmp dump PID\` of a watched process is done by its watcher.
${examples('mdmp watch 4242', 'mdmp watch --wait redis-server --memory 2g', 'mdmp watch 4242 --no-crash --hang 5s', 'mdmp watch --release 4242', 'mdmp watch --list')}`,
      )
      .action(async (target, options) => (await import('./commands/watch.js')).watch(target, options)),

  filter: (mdmp) =>
    command(mdmp, 'filter <input> <output>', 'write a dump again, with less in it')
      .option('-c, --callback <module>', 'a JavaScript module whose callback decides what stays')
      .option('-t, --type <list>', 'filters of MINIDUMP_TYPE, such as filter-memory,filter-module-paths')
      .option('--drop-stream <stream>', 'leave out a stream, by name or number (repeatable)', several)
      .option('--stacks-only', 'of memory, keep stacks and what surrounds instruction pointers')
      .option('--redact-strings', 'zero text in memory; blank environment values and arguments')
      .option(
        '--scrub <pattern>',
        'overwrite a value wherever it stands: text or /regex/flags (repeatable)',
        several,
      )
      .option('--comment <text>', 'a text to store in the new dump')
      .option('-f, --force', 'replace the output file if it exists')
      .addOption(compress())
      .option('--json', 'print the summary as JSON')
      .addHelpText('after', () => filterHelp)
      .action(async (input, output, options) =>
        (await import('./commands/filter.js')).filter(input, output, options),
      ),

  convert: (mdmp) =>
    command(mdmp, 'convert <core> <output>', 'write a minidump of an ELF core')
      .option(
        '--sysroot <folder>',
        'the root of the machine of the core, for files that it had mapped (default: /)',
      )
      .option('--no-sysroot', 'take nothing from files')
      .option('-t, --type <list>', 'what goes in: MINIDUMP_TYPE names or a number', 'normal')
      .option('-c, --callback <module>', 'a JavaScript module whose callback decides what goes in')
      .option('--comment <text>', 'a text to store in the dump')
      .option('-f, --force', 'replace the output file if it exists')
      .addOption(compress())
      .option('--spool <folder>', 'where a compressed core is decompressed (default: the temporary folder)')
      .option('--max-stack <size>', 'how much of a stack to take at most, such as 256K (default: 1M)')
      .option('--json', 'print the summary as JSON')
      .addHelpText(
        'after',
        `
CORE is of an x86-64 Linux process, from the kernel, gcore or systemd-coredump, compressed with gzip or zstd or not; - is standard input.
${examples('mdmp convert core.4242 app.dmp', 'mdmp convert core.4242 app.dmp --sysroot /srv/images/app --type full', 'mdmp convert core.app.zst app.dmp --callback ./keep-secrets-out.js')}`,
      )
      .action(async (core, output, options) =>
        (await import('./commands/convert.js')).convert(core, output, options),
      ),

  'core-handler': (mdmp) =>
    command(
      mdmp,
      'core-handler [pid] [tid]',
      'write a minidump of a process that crashes; the kernel starts it',
    )
      .option('--print-pattern', 'print what to write into /proc/sys/kernel/core_pattern')
      .option('--dir <folder>', 'where the dumps go', '/var/crash')
      .option('-t, --type <list>', 'what goes in: MINIDUMP_TYPE names or a number', 'normal')
      .option('-c, --callback <module>', 'a JavaScript module whose callback decides what goes in')
      .option('--spool <folder>', 'where a core is kept meanwhile that has to be taken from the pipe')
      .option('--max-stack <size>', 'how much of a stack to take at most, such as 256K (default: 1M)')
      .addHelpText(
        'after',
        `
The kernel starts it as root and with the core on standard input, once its pattern stands in core_pattern. Dumps are NAME.PID.TIME.dmp;
what goes wrong is a line in core-handler.log beside them.

Examples:
    sysctl -w kernel.core_pattern="$(mdmp core-handler --print-pattern --dir /var/dumps)"
    sysctl -w kernel.core_pipe_limit=16`,
      )
      .action(async (pid, tid, options) =>
        (await import('./commands/core-handler.js')).coreHandler(pid, tid, options),
      ),

  info: (mdmp) =>
    command(mdmp, 'info <file> [symbols...]', 'what is in a dump, on one screen')
      .option('--json', 'print JSON')
      .addHelpText(
        'after',
        `
Of a crash the stack is shown, too, if symbols are near: those named by SYMBOLS, as for \`mdmp stack\`, and those in the folder of the dump.
${examples('mdmp info app.dmp', 'mdmp info app.dmp symbols/', 'mdmp info app.dmp --json | jq .threads')}`,
      )
      .action(async (file, symbols, options) =>
        (await import('./commands/info.js')).info(file, symbols, options),
      ),

  threads: (mdmp) =>
    command(mdmp, 'threads <file>', 'the threads of a dump, as a table')
      .option('--json', 'print JSON')
      .addHelpText('after', examples('mdmp threads app.dmp'))
      .action(async (file, options) => (await import('./commands/threads.js')).threads(file, options)),

  modules: (mdmp) =>
    command(mdmp, 'modules <file>', 'the modules of a dump, as a table')
      .option('--json', 'print JSON')
      .addHelpText(
        'after',
        examples('mdmp modules app.dmp', 'mdmp modules app.dmp --json | jq -r .[].debugId'),
      )
      .action(async (file, options) => (await import('./commands/modules.js')).modules(file, options)),

  show: (mdmp) =>
    command(mdmp, 'show <file> [stream]', 'one stream of a dump, or a list of its streams')
      .option('--json', 'print JSON')
      .option('--raw', 'write the bytes of the stream as they are')
      .addHelpText(
        'after',
        `
STREAM is a number (7, 0x47670009), a place in the list (#3), or a name, with or without \`Stream\` and in any case.
\`memory\` lists all memory that the dump holds.
${examples('mdmp show app.dmp', 'mdmp show app.dmp systeminfo', 'mdmp show app.dmp LinuxMaps', 'mdmp show app.dmp 0x47670005 --raw')}`,
      )
      .action(async (file, stream, options) =>
        (await import('./commands/show.js')).show(file, stream, options),
      ),

  memory: (mdmp) =>
    command(mdmp, 'memory <file> <address> <length>', 'memory of the process, as hexadecimal and ASCII')
      .option('--json', 'print JSON')
      .option('--raw', 'write the bytes as they are')
      .addHelpText(
        'after',
        `
ADDRESS is hexadecimal with 0x, else decimal; LENGTH may have a unit. Holes are named; --raw fails where there is one.
${examples('mdmp memory app.dmp 0x7ffe12340000 256', 'mdmp memory app.dmp 0x7ffe12340000 64K --raw > stack.bin')}`,
      )
      .action(async (file, address, length, options) =>
        (await import('./commands/memory.js')).memory(file, address, length, options),
      ),

  stack: (mdmp) =>
    withSymbols(command(mdmp, 'stack <file> [symbols...]', 'what crashed, and the stack of each thread'))
      .option('--human', 'print text (the default)')
      .option('--brief', 'only the thread that crashed')
      .option('--json', "print JSON in the shape of rust-minidump's")
      .option('--pretty', 'indent the JSON')
      .option('--cyborg <file>', 'print text, and write the JSON to a file')
      .option('--output-file <file>', 'write the report to a file')
      .option('--evil-json <file>', 'what a crash reporter knows beside the dump: who signed which file')
      .option('--recover-function-args', 'guess what functions were called with (x86)')
      .option('--features <level>', 'stable-basic, stable-all, or unstable-all: with --recover-function-args')
      .option('--trace', 'say on stderr why each frame was chosen')
      .option('--verbose <level>', 'trace is --trace; there is no other log')
      .option('--log-file <file>', 'where --trace goes instead')
      .addOption(new Option('--no-color').hideHelp())
      .addOption(new Option('--no-interactive').hideHelp())
      .addOption(new Option('--dump').hideHelp())
      .addOption(new Option('--symbols-tmp <folder>').hideHelp())
      .addHelpText(
        'after',
        `
${symbolsHelp}
${examples('mdmp stack app.dmp', 'mdmp stack app.dmp symbols/', 'mdmp stack app.dmp --use-local-debuginfo --brief', 'mdmp stack app.dmp symbols/ --json --pretty')}`,
      )
      .action(async (file, symbols, options) =>
        (await import('./commands/stack.js')).stack(file, symbols, options),
      ),

  gaps: (mdmp) =>
    withSymbols(
      command(
        mdmp,
        'gaps <file> [symbols...]',
        'which symbols, memory and streams are missing, and what would bring them',
      ),
    )
      .option('--json', 'print JSON')
      .addHelpText(
        'after',
        `
What would change the stack of the thread that crashed comes first.
${symbolsHelp}
${examples('mdmp gaps app.dmp symbols/', 'mdmp gaps app.dmp --use-local-debuginfo', 'mdmp gaps app.dmp --json | jq -r \'.[] | select(.kind == "symbols") | .remedy\'')}`,
      )
      .action(async (file, symbols, options) =>
        (await import('./commands/gaps.js')).gaps(file, symbols, options),
      ),

  symbols: (mdmp) =>
    withServe(command(mdmp, 'symbols <file...>', "write Breakpad's .sym files of programs and debug files"))
      .option('-o, --output <file>', 'the file to write, - for stdout (the default)')
      .option('--store <folder>', 'lay the folder out as a symbol store: NAME/ID/NAME.sym')
      .option('--files', 'put the files themselves into the store, too')
      .option('--symbols-path <path>', 'where debug files are looked for (repeatable)', several)
      .option('--name <name>', 'the name of the module, if it is not that of the file')
      .option('--arch <name>', 'of a universal file of macOS only this part: x86_64, arm64 …')
      .option('--no-inlines', 'leave inlined calls out')
      .option('--no-cfi', 'leave call frame information out')
      .option('-m, --multiple', 'mark functions that share their address with others')
      .option('-f, --force', 'replace the output file if it exists')
      .option('--json', 'print the summary as JSON')
      .addHelpText(
        'after',
        `
FILE is an ELF file, a program or PDB of Windows, or a Mach-O file or dSYM bundle. What belongs to it is looked for beside it, in
/usr/lib/debug and where --symbols-path says: .debug files, .dwo and .dwp files, those of dwz, PDBs, dSYM bundles. Of several FILES those
of one build become one .sym file.
${examples('mdmp symbols app > app.sym', 'mdmp symbols app app.debug lib*.so --store symbols', 'mdmp symbols app.exe app.pdb App.dSYM --store symbols', 'mdmp symbols app --store /srv/symbols --files --json', 'mdmp stack app.dmp symbols')}`,
      )
      .action(async (files, options) => (await import('./commands/symbols.js')).symbols(files, options)),

  'exit-codes': (mdmp) =>
    command(mdmp, 'exit-codes', 'the exit codes and what they mean')
      .option('--json', 'print JSON')
      .addHelpText('after', () => `\n${exitCodeTable()}`)
      .action(async (options) => (await import('./commands/exit-codes.js')).exitCodes(options)),
};

/** What `run` and `watch` have in common. */
function watching(declared: Command): Command {
  return declared
    .option('--no-crash', 'no dump of crashes, and no debugger attached')
    .option('--exit-code <list>', 'dump before it ends with one of these codes; other: any but 0')
    .option('--signal <list>', 'dump when one of these signals comes, whatever it does')
    .option('--children', 'watch the processes that it makes, too')
    .option('--cpu <percent>', 'dump at that much processor time, 100 for one whole processor')
    .option('--cpu-below <percent>', 'dump below that much')
    .option('--seconds <seconds>', 'for how long in a row; then also between two dumps (default: 10)')
    .option('--memory <size>', 'dump at so much memory: 500 (MiB), 2g, rss:500m, pss:1g, 80% of its cgroup')
    .option('--memory-below <size>', 'dump below that')
    .option('--threads <count>', 'dump at so many threads')
    .option('--descriptors <count>', 'dump at so many open files')
    .option('--hang <time>', 'dump when the main thread runs for so long without a call: 5000 (ms), 5s')
    .option(
      '--log <file:text>',
      'dump when such a line appears: FILE:TEXT or FILE:/EXPRESSION/ (repeatable)',
      several,
    )
    .option('--file <path>', 'dump when that file appears (repeatable)', several)
    .option('--every <time>', 'dump again and again: 60 (s), 5m')
    .option('--after <time>', 'dump once, after that time')
    .option('--poll <ms>', 'how often to look', '500')
    .option('--count <dumps>', 'end the watch after so many dumps')
    .option('--spacing <time>', 'at least so long between two dumps for the same reason')
    .option('-d, --dir <folder>', 'where dumps go', '.')
    .option('--name <template>', 'what they are called: {name} {pid} {time} {trigger} {host} {n}')
    .option('--max-count <count>', 'keep so many dumps in the folder, and remove the oldest')
    .option('--max-bytes <size>', 'keep so many bytes of dumps')
    .option('--overwrite', 'replace a dump of the same name')
    .option('--on-dump <program>', 'call a program for each dump, its file as last argument')
    .option('-t, --type <list>', 'what goes in: MINIDUMP_TYPE names or a number', 'normal')
    .option('--callback <module>', 'a JavaScript module whose callback decides what goes in')
    .option('--comment <text>', 'a text to store in the dumps')
    .addOption(new Option('--compress <how>', 'compress the dumps: zstd, or none').choices([...COMPRESSIONS]))
    .option(
      '--max-pause <seconds>',
      'let the process go on after this time, and give up (default: 10; crash: 60)',
    )
    .option('--max-stack <size>', 'how much of a stack to take at most, such as 256K (default: 1M)')
    .option('--spool <folder>', 'where a large dump to a pipe lies until it is read (default: $TMPDIR)')
    .option('--snapshot <mode>', 'copy the memory from a frozen fork: auto, always or never', 'auto')
    .option('--no-socket', 'let no other command dump, release or list what is watched')
    .option('--json', 'print a line of JSON for each dump on stdout');
}

const watchHelp = `
Crashes are watched for unless --no-crash; the flags of ProcDump (-c -cl -m -ml -tc -fc -s -n -w -sig …) are understood, too.
SIGUSR2 to mdmp makes a dump. What happens is told on stderr.`;

const symbolsHelp =
  "SYMBOLS are .sym files, PDBs, and ELF, PE and Mach-O files, or folders of them: NAME/ID/NAME.sym as dump_syms' users lay them out, NAME/ID/NAME as symstore does, .build-id/ab/cdef.debug, or files by the names of the modules. Nothing is fetched unless a server is named (docs/symbols.md).";

const several = (value: string, before: string[] = []) => [...before, value];

function command(mdmp: Command, nameAndArguments: string, description: string): Command {
  return mdmp.command(nameAndArguments).description(description).helpOption('-h, --help', 'show help');
}

/** `mdmp symbols serve`: a file of that name is `./serve`. */
function withServe(symbols: Command): Command {
  command(symbols, 'serve <folder>', 'serve a folder of symbols over HTTP, until a signal ends it')
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--port <port>', 'the port; 0 for any that is free', '0')
    .option('--verbose', 'a line on stderr for each request')
    .option('--debug', 'show where an error comes from')
    .addHelpText(
      'after',
      `
FOLDER is laid out as \`mdmp symbols --store\`, symstore or dump_syms' users do; debuginfod's paths are answered from .build-id. The URL
is printed once the server listens. Whoever reaches the address can read all of the folder, and nothing else.
${examples('mdmp symbols serve symbols/', 'mdmp symbols serve symbols/ --port 8080', 'mdmp stack app.dmp --symbol-server http://127.0.0.1:8080')}`,
    )
    .action(async (folder, options) =>
      (await import('./commands/symbols-serve.js')).symbolsServe(folder, options),
    );
  return symbols;
}

/** Where symbols come from. */
function withSymbols(declared: Command): Command {
  return declared
    .addOption(
      new Option('--symbols-path <path>', 'a folder or file of symbols (repeatable)').argParser(several),
    )
    .option('--use-local-debuginfo', 'look at the files that the modules were loaded from, on this machine')
    .addOption(
      new Option(
        '--symbol-server <url>',
        'fetch what is missing from a server: of .sym files, a symbol store, debuginfod (repeatable)',
      ).argParser(several),
    )
    .addOption(
      new Option('--symbols-url <url>', 'the same, of a server that has .sym files only').argParser(several),
    )
    .option('--symbol-env', 'fetch from where _NT_SYMBOL_PATH and DEBUGINFOD_URLS say')
    .option('--offline', 'fetch nothing: use what was fetched before')
    .option('--symbols-download-timeout-secs <seconds>', 'for one file (default: 1000)')
    .option(
      '--symbols-cache <folder>',
      "where files that were fetched and indexes of symbols are kept (default: the user's cache folder)",
    );
}

function compress(): Option {
  return new Option(
    '--compress <how>',
    'compress the dump: zstd, or none (default: zstd for a file that ends in .zst)',
  ).choices([...COMPRESSIONS]);
}

/** One line, as all errors. */
function usageError(text: string): string {
  const message = text
    .trim()
    .replace(/^error: /, '')
    .replaceAll(/\s*\n\s*/g, ' ');
  return `mdmp: ${/[.)]$/.test(message) ? message : `${message}.`} See \`mdmp --help\`.\n`;
}

function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

const dumpHelp = `
Types are names of MINIDUMP_TYPE, separated by commas, with or without \`MiniDump\` and \`With\`, or a number. Some of them:
  normal                       threads with registers and stacks, modules, system, process
  full                         and all memory
  data-segs, code-segs         data and code of the modules
  private-read-write-memory    heaps and other private memory
  indirectly-referenced-memory what the stacks point to
  process-thread-data          arguments, environment, thread-local variables
  handle-data, thread-info, token-information, full-memory-info, unloaded-modules, avx-xstate-context
  filter-memory                stacks without data
  ignore-inaccessible-memory   leave out memory that cannot be read instead of failing
docs/types.md tells of all. On Windows DbgHelp writes the dump, and --exception is TID,POINTERS: the address of EXCEPTION_POINTERS.

A callback module exports a routine, as MiniDumpWriteDump knows it, or an object of functions:
  export const callbacks = { module: ({ path }) => !path.includes('private') };

Examples:
  mdmp dump 4242
  mdmp dump 4242 -o app.dmp --type full --force
  mdmp dump 4242 --type full --compress zstd
  mdmp dump 4242 -o - --type full | slow-upload
  mdmp dump server
  mdmp dump 4242 --callback ./keep-secrets-out.js --comment 'hangs since noon'
  mdmp dump "$(pidof server)" --json`;

const filterHelp = `
What is left alone comes through byte for byte. docs/filter.md says what each option takes out, and what it cannot promise.

Examples:
  mdmp filter app.dmp clean.dmp --scrub "$TOKEN" --drop-stream LinuxEnviron
  mdmp filter app.dmp small.dmp --stacks-only --type filter-memory
  mdmp filter app.dmp clean.dmp --redact-strings --scrub '/[a-z.]+@[a-z.]+/i'
  mdmp filter app.dmp clean.dmp --callback ./keep-secrets-out.js`;

function version(): string {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
}
