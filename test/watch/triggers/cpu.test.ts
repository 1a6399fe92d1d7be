import { describe, expect, it } from 'vitest';
import { CpuCondition } from '../../../src/watch/triggers/cpu.js';
import type { CpuTrigger } from '../../../src/watch/triggers/trigger.js';

/** Feeds one sample each half second, the load between them in percent; gives the seconds at which it fired. */
function firings(spec: CpuTrigger, loads: readonly number[], rearmMs?: number): number[] {
  const condition = new CpuCondition(spec, { rearmMs });
  const fired: number[] = [];
  let cpu = 1_000_000;
  condition.add({ time: 0, cpu }, 0);
  for (const [i, load] of loads.entries()) {
    cpu += 5 * load;
    const time = (i + 1) * 500;
    // As the kernel tells it: in whole ticks.
    if (condition.add({ time, cpu: Math.floor(cpu / 10) * 10 }, time)) fired.push(time / 1000);
  }
  return fired;
}
const times = (count: number, load: number) => new Array<number>(count).fill(load);

describe('CPU in a row', () => {
  const above: CpuTrigger = { kind: 'cpu-above', percent: 90, seconds: 3 };
  const below: CpuTrigger = { kind: 'cpu-below', percent: 10, seconds: 3 };

  it.each<[string, CpuTrigger, number[], number[]]>([
    ['once, when the seconds are full', above, times(20, 95), [3]],
    ['at the limit', above, times(8, 90), [3]],
    ['not for a second less', above, [...times(5, 95), 20, ...times(5, 95)], []],
    ['not where one reading is below', above, [...times(4, 200), 50, ...times(4, 200)], []],
    ['again after a reading below', above, [...times(8, 95), 0, ...times(8, 95)], [3, 7.5]],
    ['not where readings are in the error of ticks but the mean is not', above, times(20, 88), []],
    ['one whole processor', { ...above, percent: 100 }, times(8, 99.9), [3]],
    ['two processors', { ...above, percent: 150 }, times(8, 199), [3]],
    ['below', below, times(20, 9), [3]],
    ['below: not at the limit', below, times(20, 10), []],
    ['below: not with one busy half second', below, [...times(4, 1), 40, ...times(4, 1)], []],
    ['below: the error of ticks breaks no row', below, [...times(3, 5), 12, ...times(3, 5)], [3]],
  ])('%s', (_, spec, loads, expected) => expect(firings(spec, loads)).toEqual(expected));

  it('again while it stays true, where that is asked for', () =>
    expect(firings(above, times(20, 95), 3000)).toEqual([3, 6, 9]));

  it('samples that come late count for the time that they took', () => {
    const condition = new CpuCondition(above, { rearmMs: undefined });
    expect(condition.add({ time: 0, cpu: 0 }, 0)).toBeUndefined();
    expect(condition.add({ time: 7000, cpu: 6700 }, 7000)).toMatchObject({
      text: 'CPU 96 % for 3 s (limit 90 %)',
      limit: 90,
    });
  });

  it('wants to be asked at the moment when the seconds are full', () => {
    const condition = new CpuCondition(above, { rearmMs: undefined });
    condition.add({ time: 100, cpu: 0 }, 100);
    expect(condition.due()).toBeUndefined();
    condition.add({ time: 700, cpu: 600 }, 700);
    expect(condition.due()).toBe(3100);
    condition.add({ time: 3100, cpu: 3000 }, 3100);
    expect(condition.due()).toBeUndefined();
  });
});
