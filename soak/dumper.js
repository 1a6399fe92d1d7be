// One process that takes dump after dump through the library, as an agent beside a service would. It is sent
// { pid, file, kind, snapshot, target } and answers { report } or { error }. Run by dumps.js.
import { writeMinidump } from '../dist/index.js';
import { kinds } from './kinds.js';

process.on('message', async ({ pid, file, kind, snapshot, target }) => {
  const { type, callbacks } = kinds[kind];
  try {
    const report = await writeMinidump(pid, file, {
      type,
      force: true,
      ...(callbacks && { callbacks: callbacks(target) }),
      snapshot,
    });
    // Collected before memory is measured from outside.
    globalThis.gc?.();
    const { pauseMs, shortenedCalls, warnings } = report;
    process.send({ report: { pauseMs, shortenedCalls, warnings, snapshot: report.snapshot } });
  } catch (error) {
    process.send({ error: `${error.code ?? error.name}: ${error.message}` });
  }
});
process.on('disconnect', () => process.exit());
