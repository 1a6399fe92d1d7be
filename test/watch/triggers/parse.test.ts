import { cpus } from 'node:os';
import { describe, expect, it } from 'vitest';
import { parseTriggers, type TriggerTexts } from '../../../src/watch/triggers/index.js';

const MIB = 2 ** 20;
const all = 100 * cpus().length;

describe('triggers of a command line', () => {
  it.each<[TriggerTexts, unknown[]]>([
    [{}, []],
    [{ cpu: '90' }, [{ kind: 'cpu-above', percent: 90, seconds: 10 }]],
    [{ cpu: String(all) }, [{ kind: 'cpu-above', percent: all, seconds: 10 }]],
    [
      { cpu: '65%', cpuBelow: '2.5', seconds: '1m' },
      [
        { kind: 'cpu-above', percent: 65, seconds: 60 },
        { kind: 'cpu-below', percent: 2.5, seconds: 60 },
      ],
    ],
    [
      { memory: '100,200' },
      [
        { kind: 'memory-above', measure: 'commit', bytes: 100 * MIB },
        { kind: 'memory-above', measure: 'commit', bytes: 200 * MIB },
      ],
    ],
    [{ memory: '1.5g' }, [{ kind: 'memory-above', measure: 'commit', bytes: 1536 * MIB }]],
    [
      { memoryBelow: 'rss:64MiB,128k,pss:4096b' },
      [
        { kind: 'memory-below', measure: 'rss', bytes: 64 * MIB },
        { kind: 'memory-below', measure: 'rss', bytes: 128 * 1024 },
        { kind: 'memory-below', measure: 'pss', bytes: 4096 },
      ],
    ],
    [
      { memory: '80%,cgroup:95%' },
      [
        { kind: 'memory-above', measure: 'cgroup', percent: 80 },
        { kind: 'memory-above', measure: 'cgroup', percent: 95 },
      ],
    ],
    [
      { threads: '100,200', descriptors: '900' },
      [
        { kind: 'threads-above', count: 100 },
        { kind: 'threads-above', count: 200 },
        { kind: 'descriptors-above', count: 900 },
      ],
    ],
    [{ hang: '2500' }, [{ kind: 'hang', milliseconds: 2500 }]],
    [{ hang: '5s' }, [{ kind: 'hang', milliseconds: 5000 }]],
    [
      { log: ['a.log:x.y (z)', 'b.log:/^FATAL: \\d+/i'] },
      [
        { kind: 'log', file: 'a.log', pattern: /x\.y \(z\)/ },
        { kind: 'log', file: 'b.log', pattern: /^FATAL: \d+/i },
      ],
    ],
    [{ file: 'dump-now' }, [{ kind: 'file', path: 'dump-now' }]],
    [
      { every: '60', after: '500ms' },
      [
        { kind: 'every', seconds: 60 },
        { kind: 'after', seconds: 0.5 },
      ],
    ],
  ])('%j', (texts, specs) => expect(parseTriggers(texts)).toEqual(specs));

  it.each<[TriggerTexts, RegExp]>([
    [{ cpu: '-5' }, /--cpu .*'-5'/],
    [{ cpu: '' }, /--cpu .*''/],
    [{ cpu: '90,' }, /--cpu .*''/],
    [{ cpu: 'NaN' }, /--cpu/],
    [{ cpu: '1e9' }, /--cpu/],
    [{ cpu: '0' }, /--cpu must be more than 0 %/],
    [{ cpu: String(all + 1) }, new RegExp(`--cpu must be .* ${all} % at most, 100 for each of the`)],
    [{ cpuBelow: '0' }, /--cpu-below/],
    [{ cpu: '50', seconds: '0' }, /--seconds/],
    [{ cpu: '50', seconds: '-1' }, /--seconds/],
    [{ cpu: '50', seconds: '1e3' }, /--seconds/],
    [{ seconds: 'ten' }, /--seconds/],
    [{ memory: '0' }, /--memory/],
    [{ memory: '-100' }, /--memory/],
    [{ memory: '100x' }, /--memory/],
    [{ memory: 'uss:100' }, /--memory/],
    [{ memory: '100%,200%' }, /--memory must be .*100 % at most/],
    [{ memory: 'rss:80%' }, /--memory: 'rss:80%'/],
    [{ memory: 'cgroup:80' }, /--memory: 'cgroup:80'/],
    [{ memory: '99999999t' }, /--memory/],
    [{ threads: '0' }, /--threads/],
    [{ threads: '1.5' }, /--threads/],
    [{ descriptors: '99999999999' }, /--descriptors/],
    [{ hang: '0' }, /--hang/],
    [{ hang: '10' }, /--hang must be 100 ms or more/],
    [{ log: 'app.log' }, /--log/],
    [{ log: ':x' }, /--log/],
    [{ log: 'a:/(/' }, /--log/],
    [{ file: '' }, /--file/],
    [{ every: '0' }, /--every/],
    [{ after: 'soon' }, /--after/],
  ])('refuses %j', (texts, message) => {
    expect(() => parseTriggers(texts)).toThrow(
      expect.objectContaining({
        code: 'invalid-argument',
        message: expect.stringMatching(new RegExp(`^(?!.*\n).*${message.source}`)),
      }),
    );
  });
});
