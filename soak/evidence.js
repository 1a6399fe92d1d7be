// What a run has shown, for docs/evidence.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
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

/**
 * Writes the sections of the parts that were run into docs/evidence/soak-MODE.md; those of other parts stay as they are, each with
 * the seed and commit of its own run.
 */
export function writeEvidence(root, { mode, seed, version, results }) {
  const file = join('docs', 'evidence', `soak-${mode}.md`);
  const path = join(root, file);
  const sections = new Map();
  if (existsSync(path)) {
    for (const text of readFileSync(path, 'utf8').split(/^## /m).slice(1))
      sections.set(text.slice(0, text.indexOf('\n')), text.slice(text.indexOf('\n')).trim());
  }
  const date = new Date().toISOString().slice(0, 10);
  for (const { name, count, seconds, found, failures } of results) {
    const lines = ['| | |', '|---|---|', `| count | ${count} |`, `| duration | ${seconds.toFixed(0)} s |`];
    for (const [what, value] of Object.entries(found ?? {})) {
      if (value !== undefined) lines.push(`| ${what} | ${describe(value)} |`);
    }
    lines.push(`| failures | ${failures.length} |`);
    lines.push(`| run | seed ${seed}, commit ${version}, ${date}, ${machine()} |`);
    if (failures.length > 0)
      lines.push('', ...failures.map((failure) => `- ${failure.replace(/\s+/g, ' ')}`));
    sections.set(titles[name], lines.join('\n'));
  }
  const written = Object.values(titles).flatMap((title) =>
    sections.has(title) ? [`## ${title}`, sections.get(title)] : [],
  );
  const head = [
    `# Soak: ${mode} mode`,
    `Written by \`npm run soak -- --mode ${mode}\`. The program is \`test/programs/busy.c\`; [stopping.md](../stopping.md) says what is checked.`,
  ];
  writeFileSync(path, `${[...head, ...written].join('\n\n')}\n`);
  return file;
}

function describe(value) {
  if (typeof value !== 'object') return String(value);
  const list = Object.entries(value).map(([name, count]) => `${name}: ${count}`);
  return list.join('; ') || 'none';
}
