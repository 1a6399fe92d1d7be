// What a run has shown, for docs/evidence.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';

export function machine() {
  const memory = Math.round(totalmem() / (1 << 30));
  return `Linux ${release()} ${arch()}, ${cpus().length} × ${cpus()[0]?.model}, ${memory} GiB, Node ${process.version}`;
}

/** The commit, and whether the tree differs from it. */
export function commit(root) {
  const git = (...args) => spawnSync('git', ['-C', root, ...args], { encoding: 'utf8' }).stdout.trim();
  const changed = git('status', '--porcelain', '--', 'src', 'soak', 'test').length > 0;
  return `${git('rev-parse', '--short', 'HEAD')}${changed ? ' and changes' : ''}`;
}

const titles = {
  dumps: 'Dumps, by one long-lived process through the library, and every 20th by the command',
  kills: 'The command killed (-9)',
  faults: 'System calls of the command that fail',
};

export function writeEvidence(root, { mode, seed, version, results }) {
  const file = join('docs', 'evidence', `soak-${mode}.md`);
  const lines = [
    `# Soak: ${mode} mode`,
    '',
    `Written by \`npm run soak -- --mode ${mode}\`, seed ${seed}, at commit ${version}, on ${new Date().toISOString().slice(0, 10)}.`,
    '',
    `${machine()}. The program is \`test/programs/busy.c\`. docs/stopping.md says what is checked.`,
  ];
  for (const { name, count, seconds, found, failures } of results) {
    lines.push('', `## ${titles[name]}`, '', '| | |', '|---|---|');
    lines.push(`| count | ${count} |`, `| duration | ${seconds.toFixed(0)} s |`);
    for (const [what, value] of Object.entries(found ?? {})) {
      if (value === undefined) continue;
      lines.push(`| ${what} | ${describe(value)} |`);
    }
    lines.push(`| failures | ${failures.length} |`);
    if (failures.length > 0)
      lines.push('', ...failures.map((failure) => `- ${failure.replace(/\s+/g, ' ')}`));
  }
  writeFileSync(join(root, file), `${lines.join('\n')}\n`);
  return file;
}

function describe(value) {
  if (typeof value !== 'object') return String(value);
  const list = Object.entries(value).map(([name, count]) => `${name}: ${count}`);
  return list.join('; ') || 'none';
}
