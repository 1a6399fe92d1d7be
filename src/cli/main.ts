#!/usr/bin/env node
const words = process.argv.slice(2);
// Before anything else is loaded: it takes as long to start as all of that takes to load.
process.setSourceMapsEnabled(words.includes("--debug"));
if (words[0] === 'dump' && words.some((word) => /^\d+$/.test(word))) {
  const { startTracerThread } = await import('../targets/linux/tracer-start.js');
  startTracerThread();
}
const { run } = await import('./program.js');
await run(words);

export {};
