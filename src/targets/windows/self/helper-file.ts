import { fileURLToPath } from 'node:url';

/** The program of the helper: its bundle in dist/cli. This file is in dist/targets/windows/self, or part of a bundle beside that one. */
export const HELPER_FILE = fileURLToPath(
  new URL(
    import.meta.url.endsWith('/self/helper-file.js')
      ? '../../../cli/windows-dump-helper.js'
      : './windows-dump-helper.js',
    import.meta.url,
  ),
);
