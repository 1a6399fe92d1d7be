import { fileURLToPath } from 'node:url';

/** The file of the command, for those who start it. It lies beside this one, and beside the bundle that this one gets into. */
export const MAIN_FILE = fileURLToPath(new URL('./main.js', import.meta.url));
