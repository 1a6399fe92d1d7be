import { output } from './programs.js';

/** A row of call frame information as llvm-dwarfdump prints it. Registers have our names; offsets are from the CFA. */
export interface PrintedRow {
  readonly address: number;
  readonly cfa: { readonly register: string; readonly offset: number };
  readonly saved: Readonly<Record<string, number>>;
}

/** Rows of each function, by its start. */
export async function dwarfdumpFrames(
  path: string,
  section: '--debug-frame' | '--eh-frame',
): Promise<Map<number, PrintedRow[]>> {
  const functions = new Map<number, PrintedRow[]>();
  let rows: PrintedRow[] = [];
  for (const line of (await output('llvm-dwarfdump-19', [section, path])).split('\n')) {
    const fde = /FDE cie=\S+ pc=([0-9a-f]+)/.exec(line);
    if (fde) {
      rows = [];
      functions.set(Number.parseInt(fde[1]!, 16), rows);
    }
    const row = /^ +0x([0-9a-f]+): CFA=(\w+)([+-]\d+)?(?:: (.*))?$/.exec(line);
    if (row === null) continue;
    const saved = [...(row[4] ?? '').matchAll(/(\w+)=\[CFA([+-]\d+)\]/g)];
    rows.push({
      address: Number.parseInt(row[1]!, 16),
      cfa: { register: ourName(row[2]!), offset: Number(row[3] ?? 0) },
      saved: Object.fromEntries(saved.map(([, name, offset]) => [ourName(name!), Number(offset)])),
    });
  }
  return functions;
}

/** It prints W for X registers of AArch64, and B for D registers. */
function ourName(printed: string): string {
  const name = printed.toLowerCase().replace(/^w(?=\d|sp)/, (_, at) => (at === 0 ? 'x' : ''));
  return ({ xsp: 'sp', x29: 'fp', x30: 'lr' } as Record<string, string>)[name] ?? name;
}
