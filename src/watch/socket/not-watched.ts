import { MinidumpError } from '../../io/index.js';

export function notWatched(pid: number): MinidumpError {
  return new MinidumpError('not-watched', `process ${pid} is not watched`, {
    advice: '`mdmp watch --list` shows what is.',
  });
}
