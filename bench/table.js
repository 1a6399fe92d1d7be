// A run as Markdown.
import { limits } from './limits.js';
import { registerText } from './register.js';
import { median, medianOf, ratio } from './statistics.js';
import { mb, ms, size, times } from './text.js';

/** What a tool printed may hold what a cell of a table must not. */
const cell = (text) => text.replaceAll(/\s+/g, ' ').replaceAll('|', '/').slice(0, 200);

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), `|---|${'---:|'.repeat(head.length - 1)}`, ...rows.map(line)];
}

/** The ratio to the first tool of the group, if a round has both. */
function compared(results, base, key) {
  const number = ratio(results, base, key);
  return number === undefined ? '' : times(number);
}

function targetTable({ name, what, tools, leftOut, idle, hugeShare }) {
  const rows = tools.map((tool) => {
    const { results } = tool;
    const failed = results.find((result) => result?.failed);
    const of = (key) => medianOf(results, key);
    if (of('wallMs') === undefined)
      return [tool.name, `failed: ${cell(failed.failed)}`, ...Array(8).fill('')];
    const base = tools.find(({ group }) => group === tool.group).results;
    const worst = Math.max(...results.map((result) => result?.pauseMs ?? 0));
    return [
      tool.name + (failed ? ` (failed once: ${cell(failed.failed)})` : ''),
      ms(of('wallMs')),
      compared(results, base, 'wallMs'),
      ms(of('pauseMs')),
      compared(results, base, 'pauseMs'),
      ms(worst),
      ms(of('secondMs')),
      ms(of('stillMs')),
      mb(of('peakMb')),
      size(of('bytes')),
    ];
  });
  const head = [
    'tool',
    'wall ms',
    'ratio',
    'pause ms',
    'ratio',
    'worst pause ms',
    'second gap ms',
    'all gaps ms',
  ];
  return [
    `## ${name}: ${what}`,
    '',
    ...table([...head, 'peak MB', 'size'], rows),
    '',
    `Undisturbed, the target sees a gap of ${ms(medianOf(idle, 'pauseMs'))} ms within 300 ms.`,
    ...(hugeShare === undefined ? [] : [hugeText(hugeShare)]),
    ...(leftOut.length ? ['', ...leftOut.map((text) => `- left out: ${text}`)] : []),
    '',
  ];
}

const hugeText = (share) =>
  share > 0.95
    ? 'Its memory is in pages of 2 MiB.'
    : `ITS MEMORY IS NOT IN PAGES OF 2 MiB: only ${(share * 100).toFixed(0)} % of it is, in the worst of the processes.`;

function stackTable({ name, what, tools }) {
  const base = tools[0];
  const rows = tools.map(({ name, results }) => {
    const failed = results.find((result) => result?.failed);
    const wallMs = medianOf(results, 'wallMs');
    if (wallMs === undefined) return [name, `failed: ${cell(failed.failed)}`, ...Array(4).fill('')];
    return [
      name,
      ms(wallMs),
      compared(results, base.results, 'wallMs'),
      ms(medianOf(results, 'processorMs')),
      compared(results, base.results, 'processorMs'),
      mb(medianOf(results, 'peakMb')),
    ];
  });
  const head = ['tool', 'wall ms', 'ratio', 'processor ms', 'ratio', 'peak MB'];
  return [`## stacks, ${name}: ${what}`, '', ...table(head, rows), ''];
}

function stacksText({ cases, rates, leftOut }) {
  const rows = rates.map(({ name, perSecond, processorMs, frames, named, peakMb }) => [
    name,
    perSecond.toFixed(0),
    ms(processorMs),
    `${named} of ${frames}`,
    mb(peakMb),
  ]);
  return [
    ...cases.flatMap(stackTable),
    ...(rates.length
      ? [
          '## stacks: one process that keeps its symbols',
          '',
          ...table(
            ['dump', 'dumps a second', 'processor ms a dump', 'frames with a function', 'peak MB'],
            rows,
          ),
          '',
        ]
      : []),
    ...leftOut.map((text) => `- left out: ${text}`),
    ...(leftOut.length ? [''] : []),
  ];
}

function rewritingTable({ mib, pages, modes }) {
  const head = ['dump', 'wall ms', 'longest pause ms', 'work lost ms', 'lost within ms', 'share lost'];
  const rows = modes.map(({ name, results }) => [
    name,
    ...['wallMs', 'pauseMs', 'lostMs', 'windowMs'].map((key) => ms(medianOf(results, key))),
    `${(100 * median(results.map(({ lostMs, windowMs }) => lostMs / windowMs))).toFixed(0)} %`,
  ]);
  const speed = median(modes.flatMap(({ results }) => results.map(({ pagesPerMs }) => pagesPerMs)));
  return [
    `## rewriter: a program that rewrites all of its ${mib} MiB, in pages of ${pages}`,
    '',
    ...table(head, rows),
    '',
    `Undisturbed, it rewrites ${speed.toFixed(0)} pages of 4 KiB in a millisecond. Work lost is what it did not get done from the beginning of the dump until it was back to that, in milliseconds of undisturbed work.`,
    '',
  ];
}

function memoryLimitText({ mib, share, modes, leftOut }) {
  const head = `## memory-limit: the same program with ${mib} MiB in a cgroup of which it uses ${share * 100} %`;
  if (leftOut) return [head, '', `Left out: ${leftOut}`, ''];
  return [
    head,
    '',
    ...modes.flatMap((mode) => [
      `### ${mode.name}`,
      '',
      `cgroup version ${mode.version}, ${mode.usedMb.toFixed(0)} MB used of ${mode.limitMb.toFixed(0)} MB. The dump ended with exit code ${mode.status} after ${ms(mode.wallMs)} ms; ` +
        `Processes of the cgroup killed for want of memory: ${mode.oomKills}. The program ${mode.fate}. mdmp said:`,
      '',
      '```',
      mode.printed,
      '```',
      '',
    ]),
  ];
}

function limitsTable(targets, stacks) {
  const rows = limits(targets, stacks).map(({ what, figure, limit, kept }) => [
    what,
    figure,
    limit,
    kept ? 'kept' : '**NOT KEPT**',
  ]);
  return rows.length ? ['## Limits', '', ...table(['', 'figure', 'limit', ''], rows), ''] : [];
}

function machineText({ machine, speeds, runs, folder, loads, missing }) {
  return [
    `Linux ${machine.kernel} ${machine.arch}, ${machine.processors} × ${machine.model}, Node ${machine.node}; transparent huge pages: ${machine.hugePages}. Medians of ${runs} runs.`,
    `Dumps go to ${folder.inMemory ? 'memory (tmpfs)' : 'a disk'}. Load of the machine: ${loads[0]} before, ${loads[1]} after (the benchmark itself is part of it).`,
    ...(speeds
      ? [
          `Limits: process_vm_readv ${speeds.readGbs} GB/s, write ${speeds.writeGbs} GB/s, both in one thread ${speeds.bothGbs} GB/s.`,
        ]
      : []),
    ...(loads[0] > 0.5
      ? ['OTHERS USE THE MACHINE: only the ratios say something, and pauses hold their turns, too.']
      : []),
    ...missing.map((text) => `Left out: ${text}.`),
    '',
  ];
}

function startText(targets) {
  const starts = targets.flatMap(({ nodeStarts }) => nodeStarts);
  if (starts.length === 0) return [];
  const of = (key) => medianOf(starts, key);
  return [`\`node -e 0\` alone takes ${ms(of('wallMs'))} ms and ${mb(of('peakMb'))} MB.`, ''];
}

/** All of a run, as `run.js` collects it, in Markdown. */
export function markdown(run) {
  return [
    ...machineText(run),
    ...startText(run.targets),
    ...limitsTable(run.targets, run.stacks),
    ...run.targets.flatMap(targetTable),
    ...(run.stacks ? stacksText(run.stacks) : []),
    ...(run.register ? registerText(run.register) : []),
    ...(run.rewriting ?? []).flatMap(rewritingTable),
    ...(run.memoryLimit ? memoryLimitText(run.memoryLimit) : []),
  ].join('\n');
}
