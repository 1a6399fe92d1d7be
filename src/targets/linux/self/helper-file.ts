import { fileURLToPath } from 'node:url';

/**
 * The program of the helper: its bundle in dist/cli, as that starts in half the time of the modules, and the event loop stands still
 * meanwhile. This file is in dist/targets/linux/self, or part of a bundle beside that one.
 */
export const HELPER_FILE = fileURLToPath(
  new URL(
    import.meta.url.endsWith('/self/helper-file.js') ? '../../../cli/dump-helper.js' : './dump-helper.js',
    import.meta.url,
  ),
);
