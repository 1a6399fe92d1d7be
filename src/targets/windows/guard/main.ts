import { currentProcess, isInvalidHandle, type NativePointer, win32 } from '../../../node/win32.js';
import { resumeLeftovers } from '../leftovers.js';
import { openProcess } from '../open-process.js';
import { SuspendCounts } from '../suspend-counts.js';
import { type GuardAnswer, type GuardRequest, receive, send } from './protocol.js';
import { SYNCHRONIZE, setEvent, waitForAny } from './waiting.js';

/*
 * The guard: a program that lets the threads of a process go on which is being dumped, when who dumps it has ended or takes too long. A native
 * call of the dumper's never returns then, or has ended with it; nothing but another process can do it.
 */

const PROCESS_DUP_HANDLE = 0x0040;
const DUPLICATE_SAME_ACCESS = 2;
/** How long it stays for the next dump, in milliseconds. */
const IDLE = 5000;

const REQUEST = 0;
const ANSWER = 1;

interface Dumper {
  readonly process: NativePointer;
  readonly asked: NativePointer;
  readonly ready: NativePointer;
  readonly over: NativePointer;
}

function main(): void {
  const dumper = dumperOf(process.argv.slice(2));
  if (dumper === undefined) process.exit(1);
  while (waitForAny([dumper.asked, dumper.process], IDLE) === 0) {
    if (!serve(dumper)) break;
  }
  process.exit(0);
}

function dumperOf([pid, ...events]: readonly string[]): Dumper | undefined {
  const dumper = openProcess(PROCESS_DUP_HANDLE | SYNCHRONIZE, Number(pid));
  if (isInvalidHandle(dumper)) return undefined;
  const duplicate = win32(
    'kernel32',
    'int __stdcall DuplicateHandle(void *from, void *handle, void *to, _Out_ void **made, uint32_t access, int inherit, uint32_t options)',
  );
  const made = events.map((event) => {
    const own: NativePointer[] = [null];
    const done = duplicate(dumper, BigInt(event), currentProcess(), own, 0, 0, DUPLICATE_SAME_ACCESS);
    return done ? own[0]! : null;
  });
  const [asked, ready, over] = made;
  if (!asked || !ready || !over) return undefined;
  return { process: dumper, asked, ready, over };
}

/** One dump. Gives whether the dumper lives on. */
function serve(dumper: Dumper): boolean {
  const { pid, maxPause } = receive<GuardRequest>(REQUEST);
  let counts: SuspendCounts;
  try {
    counts = new SuspendCounts(pid);
  } catch (error) {
    return answer(dumper, { ...NOTHING, failure: (error as Error).message.split('\n')[0] });
  }
  try {
    const { already, size: threads, closed } = counts;
    const known = { ...NOTHING, already, threads, closed };
    answer(dumper, known);
    let ended = waitForAny([dumper.over, dumper.process], maxPause);
    const late = ended === undefined;
    if (late) {
      // DbgHelp itself will resume each thread once when it ends. What was suspended before must not be resumed by both.
      counts.giveBack((_id, before) => before === 0);
      ended = waitForAny([dumper.over, dumper.process]);
    }
    if (ended !== 0) {
      tell(pid, counts.giveBack());
      return false;
    }
    return answer(dumper, { ...known, late, left: late ? [] : resumeLeftovers(counts) });
  } finally {
    counts[Symbol.dispose]();
  }
}

const NOTHING: GuardAnswer = { already: [], threads: 0, closed: [], late: false, left: [] };

function answer({ ready }: Dumper, message: GuardAnswer): true {
  send(ANSWER, message);
  setEvent(ready);
  return true;
}

/** The dumper has ended in mid-dump: who looks at what it has said finds why there is no dump. */
function tell(pid: number, resumed: readonly number[]): void {
  if (resumed.length === 0) return;
  try {
    process.stderr.write(
      `mdmp: the program that dumped process ${pid} has ended before the dump was complete; ${resumed.length} threads were resumed\n`,
    );
  } catch {} // Nobody listens.
}

main();
