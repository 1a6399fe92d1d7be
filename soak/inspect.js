// Opens a dump and compares it with what is known of the program.
import { FileSource, Minidump } from '../dist/index.js';
import { kinds } from './kinds.js';

const PAGE = 4096;

/** What is wrong with a dump; one line each. */
export function inspect(file, kindName, target) {
  const kind = kinds[kindName];
  const faults = [];
  const source = new FileSource(file);
  try {
    const dump = Minidump.openSync(source);
    const threads = dump.getSync('threads') ?? [];
    // One worker of io_uring may come or go.
    if (!kind.lessThreads && Math.abs(threads.length - target.threads) > 1)
      faults.push(`${threads.length} threads instead of ${target.threads}`);
    if (threads.length === 0) faults.push('no threads');
    if (!(dump.getSync('modules') ?? []).some(({ name }) => name?.endsWith('/busy')))
      faults.push('the program is not among the modules');
    const memory = dump.memorySync();
    const stamp = bytesAt(memory, target.stamp);
    if (stamp !== undefined && Buffer.from(stamp).toString('latin1') !== target.stamp.text)
      faults.push('the stamp is wrong');
    checkPresence(faults, 'the stamp', kind.stamp, stamp);
    const wave = bytesAt(memory, target.wave);
    if (kind.wave !== false && wave !== undefined) checkWave(faults, Buffer.from(wave));
    checkPresence(
      faults,
      'the wave',
      kind.wave,
      kind.wave === false && wave?.every((byte) => byte === 0) ? undefined : wave,
    );
  } catch (error) {
    faults.push(`the reader says: ${error.message}`);
  } finally {
    source.close();
  }
  return faults;
}

function bytesAt(memory, { address, size }) {
  try {
    const bytes = memory.readSync(address, size);
    return bytes.length === size ? bytes : undefined;
  } catch (error) {
    if (error.code === 'memory-missing') return undefined;
    throw error;
  }
}

function checkPresence(faults, what, expected, found) {
  if (expected === true && found === undefined) faults.push(`${what} is missing`);
  if (expected === false && found !== undefined) faults.push(`${what} is in it though it was removed`);
}

/** All pages hold one number, or N up to some page and N - 1 behind it: else they are not of one moment. */
function checkWave(faults, bytes) {
  const numbers = [];
  for (let at = 0; at < bytes.length; at += PAGE) numbers.push(bytes.readUInt32LE(at));
  const first = numbers[0];
  const turn = numbers.findIndex((number) => number !== first);
  if (turn >= 0 && !numbers.slice(turn).every((number) => number === first - 1))
    faults.push(
      `memory is not of one moment: pages hold ${first}, then ${numbers.slice(turn, turn + 5)} from page ${turn}`,
    );
}
