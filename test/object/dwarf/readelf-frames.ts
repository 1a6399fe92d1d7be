import { spawnSync } from 'node:child_process';
import { runSync } from '../../../src/io/index.js';
import { FileSource } from '../../../src/node/file-source.js';
import { type RegisterRule, unwindRows } from '../../../src/object/dwarf/frame-program.js';
import { FrameSection } from '../../../src/object/dwarf/frame-section.js';
import { registerName } from '../../../src/object/dwarf/register-names.js';
import { ElfFile } from '../../../src/object/elf-file.js';
import { requireTool } from '../../support/tools.js';

/** The rows of one function: an address, the CFA, and the rules that readelf has a column for. */
interface PrintedFunction {
  start: number;
  end: number;
  rows: string[];
}

/** readelf's names of registers where they are not ours. */
const NAMES: Record<string, string> = { x29: 'fp', x30: 'lr' };

/** What `readelf -wF` prints of .eh_frame or .debug_frame, by the offset of the entry; functions without rows of their own are left out. */
export function readelfFrames(file: string, section: string): Map<number, PrintedFunction> {
  const { stdout } = spawnSync(requireTool('readelf'), ['-wF', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    env: { ...process.env, LC_ALL: 'C', DEBUGINFOD_URLS: '' },
  });
  const functions = new Map<number, PrintedFunction>();
  let inside = false;
  let current: PrintedFunction | undefined;
  let columns: string[] = [];
  for (const line of stdout.split('\n')) {
    const contents = /^Contents of the (\S+) section/.exec(line);
    if (contents) inside = contents[1] === section;
    if (!inside) continue;
    const entry = /^([0-9a-f]+) [0-9a-f]+ [0-9a-f]+ (CIE|FDE)(?:.*pc=([0-9a-f]+)\.\.([0-9a-f]+))?/.exec(line);
    if (entry) {
      current = undefined;
      if (entry[2] === 'FDE') {
        current = { start: Number.parseInt(entry[3]!, 16), end: Number.parseInt(entry[4]!, 16), rows: [] };
        functions.set(Number.parseInt(entry[1]!, 16), current);
      }
    } else if (line.trim().startsWith('LOC')) columns = line.trim().split(/\s+/).slice(2);
    else if (line.includes('ZERO terminator')) current = undefined;
    else if (current && /^[0-9a-f]{8}/.test(line)) {
      const [location, cfa, ...rules] = line
        .replace(/\s*\(\w+\)/g, '') // "r3 (rbx)"
        .trim()
        .split(/\s+/);
      const texts = columns.map((name, i) => `${NAMES[name] ?? name}=${rules[i]}`);
      current.rows.push([Number.parseInt(location!, 16).toString(16), cfaName(cfa!), ...texts].join(' '));
    }
  }
  for (const [offset, { rows }] of functions) if (rows.length === 0) functions.delete(offset);
  return functions;
}

const cfaName = (cfa: string) => cfa.replace(/^\w+(?=[+-])/, (name) => NAMES[name] ?? name);

/** The same of the same section, by our own reader, with the columns of `printed`. */
export function ourFrames(
  path: string,
  section: '.eh_frame' | '.debug_frame',
  printed: ReadonlyMap<number, PrintedFunction>,
): Map<number, PrintedFunction> {
  using source = new FileSource(path);
  const file = runSync(ElfFile.open(source));
  const data = runSync(file.data(section))!;
  const kind = section === '.eh_frame' ? 'eh_frame' : 'debug_frame';
  const address = kind === 'eh_frame' ? file.section(section)!.address : 0;
  const frames = new FrameSection(data, address, kind, file.pointerSize);
  const name = (number: number) => registerName(file.machine, number) ?? `r${number}`;
  const functions = new Map<number, PrintedFunction>();
  for (let offset = 0; ; ) {
    const entry = runSync(frames.entryAt(offset));
    if (entry === undefined) break;
    const { fde } = entry;
    const columns = printed.get(offset)?.rows[0]?.split(' ').slice(2) ?? [];
    if (fde && columns.length > 0) {
      const byName = new Map<string, RegisterRule | undefined>();
      const rows: string[] = [];
      for (const row of unwindRows(fde, file.pointerSize)) {
        byName.clear();
        for (const [number, rule] of row.rules) {
          byName.set(number === fde.cie.returnAddressRegister ? 'ra' : name(number), rule);
        }
        const { cfa } = row;
        const cfaText =
          cfa?.kind === 'register' ? `${name(cfa.register)}${signed(cfa.offset)}` : cfa ? 'exp' : 'none';
        const texts = columns.map((column) => {
          const register = column.split('=')[0]!;
          return `${register}=${ruleText(byName.get(register))}`;
        });
        rows.push([row.address.toString(16), cfaText, ...texts].join(' '));
      }
      functions.set(offset, { start: fde.start, end: fde.end, rows });
    }
    offset = entry.next;
  }
  return functions;
}

const signed = (offset: number) => (offset < 0 ? String(offset) : `+${offset}`);

function ruleText(rule: RegisterRule | undefined): string {
  switch (rule?.kind) {
    case undefined:
    case 'undefined':
      return 'u';
    case 'same':
      return 's';
    case 'offset':
      return `c${signed(rule.offset)}`;
    case 'value-offset':
      return `v${signed(rule.offset)}`;
    case 'register':
      return `r${rule.register}`;
    case 'expression':
      return 'exp';
    case 'value-expression':
      return 'vexp';
  }
}
