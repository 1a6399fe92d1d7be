import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { DEFAULT_TEMPLATE, NameTemplate } from '../../../src/watch/dumps/name-template.js';
import type { DumpOccasion } from '../../../src/watch/dumps/occasion.js';

const occasion = (name: string): DumpOccasion => ({
  pid: 4242,
  name,
  trigger: 'cpu-above',
  text: '',
  time: new Date(2026, 0, 31, 12, 5, 9),
});

describe('names of dumps', () => {
  it('have what the template says', () => {
    const name = (text: string, compressed = false) =>
      new NameTemplate(text, compressed).name(occasion('node'), 7);
    expect(name(DEFAULT_TEMPLATE)).toBe('node.4242.20260131T120509.dmp');
    expect(name(DEFAULT_TEMPLATE, true)).toBe('node.4242.20260131T120509.dmp.zst');
    expect(name('{trigger}-{n}.mdmp.ZST', true)).toBe('cpu-above-7.mdmp.ZST');
    expect(name('{name}{name}@{host}')).toBe(`nodenode@${hostname().slice(0, 64)}`);
    expect(name('every time the same')).toBe('every time the same');
  });

  it.each([
    ['../../etc/passwd', '_.._etc_passwd'],
    ['..', 'process'],
    ['.', 'process'],
    ['/', '_'],
    ['', 'process'],
    ['-rf', 'rf'],
    ['a\nb\u0000c\u001b[31m', 'a_b_c_31m'],
    ['a\ufffd\ud800b', 'a_b'],
    ['привет', '_'],
    ['{pid}', '_pid_'],
    ['x'.repeat(1000), 'x'.repeat(64)],
  ])('of a process named %j never leave the folder', (given, expected) => {
    const template = new NameTemplate('{name}.dmp', false);
    expect(template.name(occasion(given), 1)).toBe(`${expected}.dmp`);
    expect(template.matches(`${expected}.dmp`)).toBe(true);
  });

  it('are known again, with a number and compressed as well', () => {
    const template = new NameTemplate(DEFAULT_TEMPLATE, false);
    for (const name of ['node.4242.20260131T120509', 'a.b-c_d.1.19700101T000000']) {
      for (const ending of ['.dmp', '-2.dmp', '-99999.dmp', '.dmp.zst', '-3.dmp.zst']) {
        expect(template.matches(name + ending), name + ending).toBe(true);
      }
      for (const wrong of ['', '.dmp2', '-x.dmp', '-2-3.dmp', '.dmp-2', '.dmp.gz', '.DMP', '.dmp\n']) {
        expect(template.matches(name + wrong), name + wrong).toBe(false);
      }
    }
    for (const name of ['node.4242.dmp', '.node.4242.20260131T120509.dmp', 'a b.1.19700101T000000.dmp']) {
      expect(template.matches(name), name).toBe(false);
    }
    expect(new NameTemplate('{name}+{name}.dmp', false).matches('a+b.dmp')).toBe(false);
    expect(new NameTemplate('[a].*.dmp', false).matches('a..dmp')).toBe(false);
    expect(new NameTemplate('[a].*.dmp', false).matches('[a].*-2.dmp')).toBe(true);
  });

  it('are compared in a moment, whatever they are', () => {
    const template = new NameTemplate('{name}{trigger}{host}{n}', false);
    for (const letter of 'a.-_0') expect(template.matches(`a${letter.repeat(253)}!`)).toBe(false);
  });

  it.each([
    ['{nmae}.dmp', /\{nmae\}.*stands for nothing/],
    ['{}.dmp', /\{\}.*stands for nothing/],
    ['{name.dmp', /brace/],
    ['name}.dmp', /brace/],
    ['a/{name}.dmp', /slash/],
    ['../{name}', /slash/],
    ['..', /dot/],
    ['.{name}', /dot/],
    ['{name}\n', /control/],
    ['{name}\0', /control/],
    ['', /empty/],
    [`${'ä'.repeat(120)}{pid}`, /longer than 255/],
    ['{name}{trigger}{host}{name}', /longer than 255/],
  ])('the template %j is refused', (template, why) => {
    let error: unknown;
    try {
      new NameTemplate(template, false);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(why),
      advice: expect.stringContaining('{name}, {pid}, {time}, {trigger}, {host}, {n}'),
    });
  });
});
