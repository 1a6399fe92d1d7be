// What mdmp promises of its speed, and whether this run kept it.
import { median, medianOf, ratio } from './statistics.js';
import { mb, time, times } from './text.js';

/** Figures of a quiet machine with two processors, for those who have neither tool at hand: pauses in milliseconds. */
const ELSEWHERE = {
  breakpad: { small: 1.7, threads100: 87, node: 12 },
  twiceCrashpad: { small: 2, threads100: 9, node: 5 },
};

const megabytes = (number) => `${mb(number)} MB`;

/** A limit: what is measured, the figure, the limit, and whether it is kept. Without the figures there is no limit. */
function limit(what, figure, most, print) {
  if (figure === undefined || most === undefined) return [];
  return [{ what, figure: print(figure), limit: `at most ${print(most)}`, kept: figure <= most }];
}

/** Of `mdmp stack`, in text and JSON: shares of Breakpad's time, megabytes, and dumps a second. */
const COLD = 0.5;
const WARM = 0.1;
const STACK_MB = 200;
const DUMPS_A_SECOND = 400;

function stackLimits({ cases, rates }) {
  const ofCase = (wanted, share) =>
    cases
      .filter(({ name }) => name === wanted)
      .flatMap(({ name, tools }) => {
        const [first] = tools;
        return tools
          .filter((tool) => tool.name.startsWith('mdmp'))
          .flatMap((tool) => [
            ...(first.name === 'Breakpad'
              ? limit(
                  `stacks, ${name}: ${tool.name} against Breakpad`,
                  ratio(tool.results, first.results, 'wallMs'),
                  share,
                  times,
                )
              : []),
            ...limit(
              `stacks, ${name}: ${tool.name}, peak memory`,
              medianOf(tool.results, 'peakMb'),
              STACK_MB,
              megabytes,
            ),
          ]);
      });
  return [
    ...ofCase('big-cold', COLD),
    ...ofCase('big-warm', WARM),
    ...rates.map(({ name, perSecond }) => ({
      what: `stacks, one process: ${name}`,
      figure: `${perSecond.toFixed(0)} dumps a second`,
      limit: `at least ${DUMPS_A_SECOND}`,
      kept: perSecond >= DUMPS_A_SECOND,
    })),
  ];
}

/** The limits that the parts of a run have figures for. */
export function limits(targets, stacks = { cases: [], rates: [] }) {
  const results = (target, tool) =>
    targets.find(({ name }) => name === target)?.tools.find(({ name }) => name === tool)?.results ?? [];
  const of = (target, tool, key) => medianOf(results(target, tool), key);
  /** The ratio of a full dump to that of another tool, of the same target unless said. */
  const against = (target, tool, key, other = target) =>
    ratio(results(target, 'mdmp full'), results(other, tool), key);

  const large = (target, pages, share) => {
    // gcore writes reserved memory as well: what it takes without is the stricter measure.
    const plain = target.replace('-8gib', '');
    const pause = against(target, 'gcore', 'pauseMs', plain);
    const reserved = plain === target ? '' : ' and 8 GiB reserved';
    const what = `2 GiB in pages of ${pages}${reserved}`;
    return [
      ...(pause === undefined
        ? []
        : [
            {
              what: `${what}: pause against gcore's of 2 GiB`,
              figure: `1/${(1 / pause).toFixed(1)} (${time(of(target, 'mdmp full', 'pauseMs'))} to ${time(of(plain, 'gcore', 'pauseMs'))})`,
              limit: `at most 1/${share}`,
              kept: pause <= 1 / share,
            },
          ]),
      ...limit(`${what}: wall against the C loop's`, against(target, 'C loop', 'wallMs'), 1, times),
      ...limit(`${what}: peak memory`, of(target, 'mdmp full', 'peakMb'), 150, megabytes),
    ];
  };

  const small = ['small', 'threads100', 'node'].flatMap((target) => {
    const pause = of(target, 'mdmp', 'pauseMs');
    const here = { breakpad: of(target, 'Breakpad', 'pauseMs'), crashpad: of(target, 'Crashpad', 'pauseMs') };
    const { breakpad, twiceCrashpad } = ELSEWHERE;
    return [
      ...limit(`${target}: pause against Breakpad's here`, pause, here.breakpad, time),
      ...limit(`${target}: pause against Breakpad's on another machine`, pause, breakpad[target], time),
      ...limit(
        `${target}: pause against twice Crashpad's here`,
        pause,
        here.crashpad && 2 * here.crashpad,
        time,
      ),
      ...limit(
        `${target}: pause against twice Crashpad's on another machine`,
        pause,
        twiceCrashpad[target],
        time,
      ),
    ];
  });

  const starts = targets.find(({ name }) => name === 'resting')?.nodeStarts ?? [];
  const infos = targets.flatMap(({ large, tools }) =>
    large ? tools.flatMap((tool) => tool.results.filter((result) => result?.info)) : [],
  );
  return [
    ...large('2gib-2m', '2 MiB', 25),
    ...large('2gib-2m-8gib', '2 MiB', 25),
    ...large('2gib-4k', '4 KiB', 15),
    ...large('2gib-4k-8gib', '4 KiB', 15),
    ...small,
    ...limit(
      'small, at rest: the whole command against `node -e 0`',
      ratio(results('resting', 'mdmp'), starts, 'wallMs'),
      2.5,
      times,
    ),
    ...limit('`mdmp info` of the dump of 2 GiB', median(infos.map(({ info }) => info.wallMs)), 150, time),
    ...limit(
      '`mdmp info` of the dump of 2 GiB: peak memory',
      median(infos.map(({ info }) => info.peakMb)),
      90,
      megabytes,
    ),
    ...stackLimits(stacks),
  ];
}
