import { describe, expect, it } from 'vitest';
import { describe as describeException, isWanted } from '../../src/register/exception.js';
import { Lines } from '../../src/register/messages.js';
import { checkedOptions, optionsFrom } from '../../src/register/options.js';

const from = (env: Record<string, string>) => {
  const problems: string[] = [];
  return { options: optionsFrom(env, (text) => problems.push(text)), problems };
};

describe('the variables', () => {
  it.each([
    [{ MDMP_HANG: '500' }, { hang: 500 }],
    [{ MDMP_HANG: '2.5s' }, { hang: 2500 }],
    [{ MDMP_HANG: '0' }, { hang: false }],
    [{ MDMP_SPACING: '10' }, { spacing: 10_000 }],
    [{ MDMP_SPACING: '500ms' }, { spacing: 500 }],
    [{ MDMP_MAX_BYTES: '2G' }, { maxBytes: 2 ** 31 }],
    [{ MDMP_MAX_STACK: '4096' }, { maxStack: 4096 }],
    [{ MDMP_CRASH: 'off' }, { crash: false }],
    [{ MDMP_UNCAUGHT: '1' }, { uncaught: 'fatal' }],
    [{ MDMP_UNCAUGHT: 'no' }, { uncaught: false }],
    [{ MDMP_UNCAUGHT: 'TypeError, EPIPE' }, { uncaught: ['TypeError', 'EPIPE'] }],
    [{ MDMP_DIR: '', MDMP_ELSE: 'x', DIR: '/' }, {}],
  ])('%o', (env, options) => {
    expect(from(env as Record<string, string>)).toEqual({ options, problems: [] });
  });

  it.each([
    { MDMP_HANG: '49' },
    { MDMP_HANG: '1e3' },
    { MDMP_HANG: '9999999999999' },
    { MDMP_MAX_COUNT: '0' },
    { MDMP_MAX_COUNT: '1.5' },
    { MDMP_MAX_BYTES: '5X' },
    { MDMP_CRASH: 'perhaps' },
    { MDMP_UNCAUGHT: 'TypeError,,' },
    { MDMP_SPACING: '-1' },
  ])('refuses %o in one line', (env) => {
    const { options, problems } = from(env as Record<string, string>);
    expect(options).toEqual({});
    const [[name, text]] = Object.entries(env) as [[string, string]];
    expect(problems).toEqual([expect.stringMatching(`^${name} must be .+, not '${text}': it is ignored$`)]);
  });

  it('of a program are checked, too', () => {
    const problems: string[] = [];
    const circle: unknown[] = [];
    circle.push(circle);
    const given = {
      dir: '/x',
      maxCount: '3',
      hang: Number.NaN,
      constructor: 1,
      name: undefined,
      callback: circle,
    };
    expect(checkedOptions(given as never, (text) => problems.push(text))).toEqual({
      dir: '/x',
    });
    expect(problems).toHaveLength(4);
  });
});

describe('an exception', () => {
  it('is told with its causes, a circle of them, too', () => {
    const error = new TypeError('outer');
    const cause = Object.assign(new Error('inner'), { cause: error, code: 'E_INNER' });
    Object.assign(error, { cause });
    const { text, comment } = describeException(error, 'uncaughtException', true);
    expect(text).toBe('uncaught TypeError: outer');
    expect(comment.match(/^caused by .*$/gm)).toEqual(['caused by Error [E_INNER]: inner']);
  });

  it('keeps its message for itself, wherever it stands', () => {
    const secret = 'secret\n    at secret (secret)';
    const changed = new Error(secret);
    changed.message = 'another';
    for (const error of [
      new Error(secret),
      changed,
      secret,
      { message: secret, stack: `Error: ${secret}` },
    ]) {
      const { text, comment } = describeException(error, 'unhandledRejection', false);
      if (error !== changed) expect(text + comment).not.toContain('secret');
      expect(text).not.toContain('secret');
    }
  });

  it('may be anything', () => {
    const trap = new Proxy(
      {},
      {
        get() {
          throw new Error('no');
        },
        getPrototypeOf() {
          throw new Error('no');
        },
      },
    );
    const getter = Object.defineProperty(new Error('x'), 'stack', {
      get() {
        throw new Error('no');
      },
    });
    for (const thrown of [
      undefined,
      null,
      0,
      'text',
      Symbol('s'),
      1n,
      () => {},
      [],
      trap,
      getter,
      Object.create(null),
    ])
      for (const message of [true, false])
        expect(describeException(thrown, 'uncaughtException', message).text).toMatch(/^uncaught \w/);
  });

  it('is chosen by name, class, code or origin', () => {
    class Mine extends RangeError {}
    const error = Object.assign(new Mine('x'), { code: 'E_MINE' });
    for (const name of ['Mine', 'RangeError', 'Error', 'E_MINE', 'uncaughtException'])
      expect(isWanted(error, 'uncaughtException', false, { uncaught: [name] })).toBe(true);
    for (const name of ['TypeError', 'unhandledRejection'])
      expect(isWanted(error, 'uncaughtException', true, { uncaught: [name] })).toBe(false);
    expect(isWanted(error, 'uncaughtException', true, {})).toBe(true);
    expect(isWanted(error, 'uncaughtException', false, {})).toBe(false);
    expect(isWanted(error, 'uncaughtException', false, { uncaught: 'all' })).toBe(true);
    expect(isWanted(error, 'uncaughtException', true, { uncaught: false })).toBe(false);
  });
});

describe('lines', () => {
  it('are cut wherever the pieces end', () => {
    const lines = new Lines();
    const bytes = Buffer.from('{"a":"ä"}\n\nrest\n');
    const got = [...bytes].flatMap((byte) => lines.take(Uint8Array.of(byte)));
    expect(got).toEqual(['{"a":"ä"}', '', 'rest']);
  });

  it('have an end', () => {
    const lines = new Lines();
    expect(() => {
      for (let i = 0; i < 40; i++) lines.take(Buffer.alloc(1 << 16, 'x'));
    }).toThrow(RangeError);
  });
});
