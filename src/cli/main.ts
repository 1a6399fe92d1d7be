#!/usr/bin/env node

async function main(words: readonly string[]): Promise<void> {
  // For stack traces; the maps are read with the modules, so this comes first.
  if (words.includes('--debug')) process.setSourceMapsEnabled(true);
  if (words[0] === 'dump' && words.some((word) => /^\d+$/.test(word))) {
    // A thread takes as long to start as all else takes to load.
    const { startTracerThread } = await import('../targets/linux/tracer-start.js');
    startTracerThread();
  }
  const { run } = await import('./program.js');
  await run(words);
}

void main(process.argv.slice(2));
