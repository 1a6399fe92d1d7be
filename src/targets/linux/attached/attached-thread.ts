/**
 * The thread that stays attached: it traces programs from one end of their lives to the other (follower.ts), while others of this process
 * decide what to do about what happens to them. It sits in waitid, so that a signal of a program is passed on within microseconds; a signal
 * (wake-signal.ts) calls it to its orders. It serves dumps, too (tracing.ts), as the only one that may.
 *
 * If the whole process dies, the kernel lets all go on.
 */
import { existsSync } from 'node:fs';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { libc } from '../../../node/libc.js';
import { sleep } from '../../../node/sleep.js';
import type { Command } from '../tracer-protocol.js';
import { Tracing, type TracingHost } from '../tracing.js';
import {
  type AttachedData,
  type AttachedEvent,
  type AttachedRequest,
  AttachedWord,
  type FollowOptions,
} from './attached-protocol.js';
import { AttachedStopper } from './attached-stopper.js';
import { Follower } from './follower.js';
import { childWaitingAt, type Gate, openGate } from './spawn.js';

const { words, answers } = workerData as AttachedData;
/** While a process waits for its dump: between two looks, in milliseconds. */
const LOOK = 2;
/** How long a child may take until it waits at its gate, in milliseconds. */
const ADOPT_LIMIT = 10_000;

const tell = (event: AttachedEvent) => parentPort!.postMessage(event);
const follower = new Follower(tell);
/** Commands of a dump, and what else was asked for meanwhile. */
const commands: Command[] = [];
const requests: AttachedRequest[] = [];
let over = false;

/** Takes what was posted. */
function receive(): void {
  Atomics.store(words, AttachedWord.Gate, 0);
  Atomics.notify(words, AttachedWord.Gate);
  for (;;) {
    const received = receiveMessageOnPort(parentPort!) as { message: AttachedRequest } | undefined;
    if (received === undefined) return;
    if (received.message.kind === 'command') commands.push(received.message.command);
    else requests.push(received.message);
  }
}

function perform(request: AttachedRequest): void {
  switch (request.kind) {
    case 'attach':
      reply(request.id, request.pid, follower.attach(request.pid, request.options));
      break;
    case 'adopt':
      adopt(request.id, request, request.options);
      break;
    case 'proceed':
      follower.proceed(request.pid);
      break;
    case 'detach':
      follower.detach(request.pid);
      reply(request.id, request.pid, 0);
      break;
    case 'dump':
      new Tracing(request.options, host).run();
      break;
    case 'end':
      follower.detachAll();
      over = true;
  }
}

function reply(id: number, pid: number, errno: number): void {
  tell({ kind: 'reply', id, pid, errno });
}

/** Attaches to a child that waits at its gate, and opens it. */
function adopt(id: number, gate: Gate, options: FollowOptions): void {
  const deadline = performance.now() + ADOPT_LIMIT;
  for (;;) {
    const pid = childWaitingAt(gate.marker);
    if (pid !== undefined) {
      const errno = follower.attach(pid, options);
      openGate(gate);
      reply(id, pid, errno);
      return;
    }
    if (performance.now() > deadline || !existsSync(gate.gate)) {
      reply(id, 0, ESRCH);
      return;
    }
    sleep(1);
  }
}

const ESRCH = 3;

const host: TracingHost = {
  stopper: ({ pid, xstate }) => new AttachedStopper(follower, pid, xstate),
  receive() {
    if (commands.length === 0) receive();
    return commands.shift();
  },
  answers,
  meanwhile() {
    if (Atomics.load(words, AttachedWord.Gate) !== 0) receive();
    let some = false;
    while (follower.next(false)) some = true;
    return some;
  },
  isOver: () => requests.some(({ kind }) => kind === 'end'),
};

Atomics.store(words, AttachedWord.Thread, libc('int gettid(void)')() as number);
Atomics.notify(words, AttachedWord.Thread);
tell({ kind: 'ready' });
while (!over) {
  if (Atomics.load(words, AttachedWord.Gate) !== 0) receive();
  const request = requests.shift();
  if (request !== undefined) perform(request);
  else if (follower.isWaiting) {
    while (follower.next(false));
    Atomics.wait(words, AttachedWord.Gate, 0, LOOK);
    follower.expire();
  } else if (follower.isIdle) Atomics.wait(words, AttachedWord.Gate, 0);
  else follower.next(true);
}
Atomics.store(words, AttachedWord.Ended, 1);
Atomics.notify(words, AttachedWord.Ended);
parentPort!.close();
