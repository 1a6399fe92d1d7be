import { fileURLToPath } from 'node:url';

/** The program of the helper. It lies beside this file, and beside the bundle that this one gets into. */
export const HELPER_FILE = fileURLToPath(new URL('./dump-helper.js', import.meta.url));
