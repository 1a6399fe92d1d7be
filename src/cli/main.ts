#!/usr/bin/env node

const READING = new Set(['stack', 'gaps', 'info', 'show', 'threads', 'modules', 'memory']);

async function useCode(command: string): Promise<() => Promise<void>> {
  const { useCodeCache } = await import('./code-cache.js');
  return useCodeCache(command);
}

async function main(words: readonly string[]): Promise<void> {
  // Maps are read as modules are loaded.
  if (words.includes('--debug')) process.setSourceMapsEnabled(true);
  if (process.platform === 'linux' && words[0] === 'dump' && words.some((word) => /^\d+$/.test(word))) {
    const { workInBackground } = await import('./background.js');
    workInBackground();
    // It takes as long to start as the rest takes to load.
    const { startTracerThread } = await import('../targets/linux/tracer-start.js');
    startTracerThread();
  }
  if (words[0] === 'run') (await import('./shared-streams.js')).noteStreams();
  // Not for those that have to do with a live process.
  const keepCode =
    READING.has(words[0] ?? '') && !words.includes('--debug') ? await useCode(words[0]!) : undefined;
  const { run } = await import('./program.js');
  await run(words);
  await keepCode?.();
}

void main(process.argv.slice(2));
