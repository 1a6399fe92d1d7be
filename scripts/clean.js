// Removes what a build writes, so that a renamed source leaves no stale output behind.
import { rmSync } from 'node:fs';

for (const folder of ['../dist', '../examples/build']) {
  rmSync(new URL(folder, import.meta.url), { recursive: true, force: true });
}
