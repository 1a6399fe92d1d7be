/**
 * The tracer thread: the only one that calls ptrace, a worker of its own. It serves one dump after the other (tracer-start.ts).
 *
 * ptrace belongs to one OS thread, and three things follow that made it a thread apart from the caller's. A callback that
 * never returns, or a disk that does not answer, blocks the caller, and then somebody else must be able to let the target
 * go: this thread waits for commands with a time limit, and when that passes it detaches. A thread of the target that
 * does not stop (state D) cannot be detached; only the end of its tracer takes the seize back, so this thread ends after
 * such a dump. And its stops are reported to this process's SIGCHLD machinery only while the caller is blocked in the
 * dump and not in its event loop, so libuv's own waitpid cannot take the stop of a child_process child.
 *
 * If the whole process dies, the kernel lets the target go on: it is seized, never sent SIGSTOP.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { ThreadStopper } from './thread-stopper.js';
import type { Command, TracerData, TracerOptions } from './tracer-protocol.js';
import { Tracing, type TracingHost } from './tracing.js';

const { gate, answers } = workerData as TracerData;

const host: TracingHost = {
  stopper: ({ pid, cpu, xstate }) => new ThreadStopper(pid, cpu, xstate),
  receive: () => (receiveMessageOnPort(parentPort!) as { message: Command } | undefined)?.message,
  answers,
};

/**
 * Waits for the next dump. Until the first nothing native is loaded: a thread that is ended while koffi loads takes the whole
 * process with it, and one that nobody needs is ended at any time.
 */
function awaitOptions(): TracerOptions | undefined {
  Atomics.wait(gate, 0, 0);
  Atomics.store(gate, 0, 0);
  return (receiveMessageOnPort(parentPort!) as { message: TracerOptions } | undefined)?.message;
}

for (let options = awaitOptions(); options !== undefined; options = awaitOptions()) {
  if (!new Tracing(options, host).run()) break;
}
// The thread must end now: its end is what sets free a thread that never stopped.
parentPort!.close();
