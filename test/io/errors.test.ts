import { describe, expect, it, vi } from 'vitest';
import { MinidumpError } from '../../src/io/index.js';

class Special extends MinidumpError {}
class Other extends MinidumpError {}
class Deeper extends Special {}

describe('instanceof', () => {
  it('says yes to errors of another copy of this library', async () => {
    vi.resetModules();
    const copy = await import('../../src/io/index.js');
    expect(copy.MinidumpError).not.toBe(MinidumpError);
    expect(new copy.MinidumpError('malformed', 'of the copy')).toBeInstanceOf(MinidumpError);
    expect(new MinidumpError('malformed', 'ours')).toBeInstanceOf(copy.MinidumpError);
  });

  it('says no to what is no such error', () => {
    for (const value of [new Error('malformed'), { code: 'malformed' }, 'malformed', null, undefined])
      expect(value instanceof MinidumpError).toBe(false);
  });

  it('tells the classes that extend it apart', () => {
    const special = new Special('malformed', 'special');
    expect(special).toBeInstanceOf(MinidumpError);
    expect(special).toBeInstanceOf(Special);
    expect(special).not.toBeInstanceOf(Other);
    expect(special).not.toBeInstanceOf(Deeper);
    expect(new Deeper('malformed', 'deeper')).toBeInstanceOf(Special);
    expect(new MinidumpError('malformed', 'plain')).not.toBeInstanceOf(Special);
  });
});
