import { dirname } from 'node:path';
import { MinidumpError } from '../io/index.js';

/** What went wrong with a file that a dump is written to. */
export function fileFailure(cause: unknown, file: string): MinidumpError {
  if (cause instanceof MinidumpError) return cause;
  const folder = dirname(file);
  switch (systemCode(cause)) {
    case 'EEXIST':
      return fileExists(file);
    case 'ENOSPC':
    case 'EDQUOT':
      return new MinidumpError('disk-full', `no space left for ${file}`, {
        advice: 'Make room, choose another folder, or leave memory out with a callback.',
        cause,
      });
    case 'EACCES':
    case 'EPERM':
      return new MinidumpError('output-denied', `no permission to write ${file}`, {
        advice: 'Choose a folder that you may write to.',
        cause,
      });
    case 'EROFS':
      return new MinidumpError('output-denied', `the file system of ${folder} is read-only`, {
        advice: 'Choose another folder.',
        cause,
      });
    case 'ENOENT':
    case 'ENOTDIR':
      return new MinidumpError('output-folder', `there is no folder ${folder}`, {
        advice: 'Create it, or choose another one.',
        cause,
      });
    case 'EFBIG':
      return new MinidumpError('write-failed', `${file} would be larger than a file may be here`, {
        advice: 'See `ulimit -f` and the limits of the file system.',
        cause,
      });
    default:
      return new MinidumpError('write-failed', `cannot write ${file}: ${(cause as Error).message}`, {
        advice: 'Choose another folder, or look into the log of the system for errors of this disk.',
        cause,
      });
  }
}

export function isFolder(file: string): MinidumpError {
  return new MinidumpError('output-folder', `${file} is a folder`, {
    advice: 'Give the name of a file inside it.',
  });
}

export function fileExists(file: string): MinidumpError {
  return new MinidumpError('output-exists', `${file} exists already`, {
    advice: 'Choose another name, or replace it with force (--force).',
  });
}

/** `ENOSPC`, or nothing. */
export function systemCode(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? '';
}
