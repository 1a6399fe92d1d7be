/**
 * The process that the demonstration dumps: a few threads, and a secret in three places: in the environment, on the heap, and
 * on the stack of a thread. It prints the addresses, never the secret.
 *
 * An ordinary program spreads copies: strings that are built, buffers that were freed, a garbage collector that moves. Then a
 * callback that removes three addresses removes three copies of many (docs/privacy.md). To show what removal itself does,
 * this one handles its secret through C functions only, so that no copy ever reaches JavaScript's heap.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { isMainThread, parentPort, SHARE_ENV, Worker, workerData } from 'node:worker_threads';
import koffi from 'koffi';
import { type Sample, SECRET_LENGTH, SESSION_AFTER, SESSION_BEFORE } from './session.js';

const c = koffi.load(null);

if (isMainThread) {
  const getenv = c.func('void *getenv(const char *name)');
  const malloc = c.func('void *malloc(size_t size)');
  const strcpy = c.func('void *strcpy(void *to, const char *text)');
  const copySecret = c.func('void *strcat(void *to, const void *secret)');
  const strcat = c.func('void *strcat(void *to, const char *text)');

  const environment = getenv('MDMP_SAMPLE_SECRET');
  const session = malloc(256);
  strcpy(session, SESSION_BEFORE);
  copySecret(session, environment);
  strcat(session, SESSION_AFTER);
  const heap = koffi.address(session) + BigInt(SESSION_BEFORE.length);

  // A worker gets a copy of process.env unless it shares it: that would be one copy of the secret more.
  const worker = new Worker(new URL(import.meta.url), { env: SHARE_ENV, workerData: { heap } });
  worker.once('message', async ({ threadId }: { threadId: number }) => {
    const stack = await findOnStack(threadId, heap);
    const sample: Sample = {
      environment: hex(koffi.address(environment)),
      heap: hex(heap),
      stack: hex(stack),
      session: { address: hex(koffi.address(session)), size: 256 },
    };
    console.log(JSON.stringify(sample));
  });
  process.stdin.on('data', () => console.log('still here'));
  // When the demonstration is gone. exit() would wait for the worker, which waits for ever.
  process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
} else {
  // What a function takes by value and what is larger than two registers lies on the stack while the function runs. poll()
  // does not know of the extra arguments, and waits for ever. The numbers go to xmm0 to xmm7 and overwrite what copying left
  // there: registers are in every dump, and removing memory does not touch them.
  koffi.struct('Secret', { bytes: koffi.array('uint8_t', SECRET_LENGTH, 'Typed') });
  const zeros: number[] = new Array(8).fill(0);
  const doubles = zeros.map((_, i) => `double d${i}`).join(', ');
  const poll = c.func(`int poll(void *fds, ulong count, int timeout, ${doubles}, Secret onStack)`);
  const bytes = new Uint8Array(koffi.view(workerData.heap, SECRET_LENGTH)); // the block itself, not a copy
  const threadId = Number(readlinkSync('/proc/thread-self').split('/').pop());
  parentPort?.postMessage({ threadId });
  poll(null, 0, -1, ...zeros, { bytes });
}

/** Waits until the thread waits, and finds the secret above its stack pointer. */
async function findOnStack(threadId: number, heap: bigint): Promise<bigint> {
  const memmem = c.func('void *memmem(void *in, size_t size, void *wanted, size_t wantedSize)');
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    // "7 …arguments… stack-pointer instruction-pointer": 7 is poll on x86-64
    const call = readFileSync(`/proc/self/task/${threadId}/syscall`, 'utf8').trim().split(' ');
    if (call[0] !== '7') continue;
    const stackPointer = BigInt(call[7]!);
    const found = memmem(stackPointer, endOfMapping(stackPointer) - stackPointer, heap, SECRET_LENGTH);
    if (found === null) throw new Error('the secret is not on the stack of the waiting thread');
    return koffi.address(found);
  }
}

function endOfMapping(address: bigint): bigint {
  for (const line of readFileSync('/proc/self/maps', 'utf8').split('\n')) {
    const [start, end] = line.split(/[- ]/, 2).map((digits) => BigInt(`0x${digits || 0}`));
    if (address >= start! && address < end!) return end!;
  }
  throw new Error('the stack pointer is in no mapping');
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
