#!/usr/bin/env node

async function main(words: readonly string[]): Promise<void> {
  // Maps are read as modules are loaded.
  if (words.includes('--debug')) process.setSourceMapsEnabled(true);
  if (words[0] === 'dump' && words.some((word) => /^\d+$/.test(word))) {
    const { workInBackground } = await import('./background.js');
    workInBackground();
    // It takes as long to start as the rest takes to load.
    const { startTracerThread } = await import('../targets/linux/tracer-start.js');
    startTracerThread();
  }
  if (words[0] === 'run') (await import('./shared-streams.js')).noteStreams();
  const { run } = await import('./program.js');
  await run(words);
}

void main(process.argv.slice(2));
