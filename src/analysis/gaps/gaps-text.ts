import type { Gap, GapConcern } from './gap.js';

/** How the parts of a text are shown: a terminal may have colours for them. */
export interface GapsStyle {
  title(text: string): string;
  label(text: string): string;
}

const PLAIN: GapsStyle = { title: (text) => text, label: (text) => text };

const TITLES: Readonly<Record<GapConcern, string>> = {
  crash: 'The thread to blame',
  stacks: 'Stacks',
  details: 'Beside the stacks',
  note: 'To be known',
};

/**
 * The gaps for people, three lines each: what is missing, what it costs, what would bring it. Names come from the dump and may hold
 * anything: who prints this to a terminal must see to it.
 */
export function gapsText(gaps: readonly Gap[], { title, label }: GapsStyle = PLAIN): string {
  const lines: string[] = [];
  if (gaps.every(({ concerns }) => concerns === 'note')) {
    lines.push('Nothing is missing: all stacks have their symbols and their memory.');
  }
  let before: GapConcern | undefined;
  for (const { concerns, missing, cost, remedy } of gaps) {
    if (concerns !== before) lines.push(...(lines.length > 0 ? [''] : []), title(TITLES[concerns]));
    before = concerns;
    lines.push(
      `  ${label('missing')}  ${missing}`,
      `    ${label('costs')}  ${cost}`,
      `    ${label('wants')}  ${remedy}`,
    );
  }
  return lines.join('\n');
}
