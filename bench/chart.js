// A run as a picture: for each tool and target a bar of its wall time and, where there is one, of the pause, on a logarithmic axis.
import { medianOf } from './statistics.js';
import { time } from './text.js';

const WIDTH = 960;
const NAMES = 220;
const RIGHT = 90;
const ROW = 26;
const BAR = 9;
const TITLE = 40;
const TOP = 62;
const COLORS = { wallMs: '#9db7d5', pauseMs: '#c2410c' };
const LABELS = { wallMs: 'wall time', pauseMs: 'pause that the target saw' };

const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const tick = (ms) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`);

/** The SVG of `targets`, as `rounds` of measuring.js gives them, and of `stacks`, the cases of stacks.js; undefined of neither. */
export function chart(targets, stacks = []) {
  const cases = stacks.map((one) => ({ ...one, name: `stacks, ${one.name}` }));
  if (targets.length + cases.length === 0) return undefined;
  const groups = [...targets, ...cases].map(({ name, what, tools }) => ({
    title: `${name}: ${what}`,
    rows: tools.flatMap(({ name, results }) => {
      const wallMs = medianOf(results, 'wallMs');
      return wallMs === undefined ? [] : [{ name, wallMs, pauseMs: medianOf(results, 'pauseMs') }];
    }),
  }));
  const all = groups.flatMap(({ rows }) =>
    rows.flatMap(({ wallMs, pauseMs }) => [wallMs, pauseMs ?? wallMs]),
  );
  const low = Math.floor(Math.log10(Math.max(0.01, Math.min(...all))));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...all))));
  const x = (ms) =>
    NAMES + ((Math.log10(Math.max(ms, 10 ** low)) - low) / (high - low)) * (WIDTH - NAMES - RIGHT);
  const height = TOP + groups.reduce((sum, { rows }) => sum + TITLE + rows.length * ROW, 0) + 20;

  const parts = [];
  const text = (at, y, content, more = '') =>
    parts.push(`<text x="${at}" y="${y}"${more}>${escaped(content)}</text>`);
  const bar = (y, ms, key) => {
    parts.push(
      `<rect x="${NAMES}" y="${y}" width="${(x(ms) - NAMES).toFixed(1)}" height="${BAR}" fill="${COLORS[key]}"/>`,
    );
    text((x(ms) + 5).toFixed(1), y + BAR, time(ms), ' font-size="10"');
  };

  for (let power = low; power <= high; power++) {
    const at = x(10 ** power).toFixed(1);
    parts.push(`<line x1="${at}" y1="${TOP - 8}" x2="${at}" y2="${height - 14}" stroke="#ddd"/>`);
    text(at, TOP - 14, tick(10 ** power), ' text-anchor="middle" fill="#666"');
  }
  const labels = Object.entries(LABELS).filter(([key]) => key !== 'pauseMs' || targets.length > 0);
  labels.forEach(([key, label], i) => {
    parts.push(`<rect x="${NAMES + i * 120}" y="14" width="12" height="12" fill="${COLORS[key]}"/>`);
    text(NAMES + 18 + i * 120, 24, label);
  });
  let y = TOP;
  for (const { title, rows } of groups) {
    text(12, y + 24, title, ' font-weight="bold"');
    y += TITLE;
    for (const { name, wallMs, pauseMs } of rows) {
      const weight = name.startsWith('mdmp') ? ' font-weight="bold"' : '';
      text(NAMES - 8, y + BAR + 4, name, ` text-anchor="end"${weight}`);
      bar(y, wallMs, 'wallMs');
      if (pauseMs !== undefined) bar(y + BAR + 1, pauseMs, 'pauseMs');
      y += ROW;
    }
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    '<title>Wall time and pause of each tool, for each target</title>',
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}
