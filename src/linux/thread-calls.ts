import { parseStatus } from './stat.js';

/**
 * How many calls of the read and write families a thread has made: `syscr` and `syscw` of /proc/PID/task/TID/io. recv(2), send(2)
 * and all other calls are not counted by the kernel.
 */
export function readAndWriteCalls(io: string): number | undefined {
  const fields = parseStatus(io);
  const reads = fields.get('syscr');
  const writes = fields.get('syscw');
  return reads === undefined || writes === undefined ? undefined : Number(reads) + Number(writes);
}
