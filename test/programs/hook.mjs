// A hook: hook.mjs HOW LOG [FILE]. It notes in LOG what it was given; HOW says what it does then.
import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';

const [how, log, ...words] = process.argv.slice(2);
const note = (more) => appendFileSync(log, `${JSON.stringify({ pid: process.pid, ...more })}\n`);
if (how === 'deaf') {
  process.on('SIGTERM', () => note({ event: 'SIGTERM' }));
  const child = spawn('sh', ['-c', 'trap "" TERM; while :; do sleep 1; done'], { stdio: 'ignore' });
  note({ event: 'start', child: child.pid, words });
  setInterval(() => {}, 1000);
} else {
  note({ event: 'start', words, input: how === 'unread' ? undefined : readFileSync(0, 'utf8') });
  process.stdout.write('said by the hook\n');
  if (how === 'slow') await new Promise((resolve) => setTimeout(resolve, 100));
  if (how === 'background') spawn('sleep', ['1000'], { stdio: 'inherit' }).unref();
  note({ event: 'end' });
  process.exitCode = how === 'fails' ? 3 : 0;
  if (how === 'killed') process.kill(process.pid, 'SIGKILL');
}
