import { describe, expect, it } from 'vitest';
import { translateProcdumpFlags } from '../../src/cli/procdump-flags.js';

const translate = (line: string) => translateProcdumpFlags(line.split(' ')).join(' ');

describe("ProcDump's flags", () => {
  // The examples of its README, without the name of the program.
  it.each([
    ['1234', '1234'],
    ['-n 3 -s 5 1234', '--count 3 --seconds 5 1234'],
    ['-c 65 -n 3 1234', '--cpu 65 --count 3 1234'],
    ['-cl 10 -c 65 1234', '--cpu-below 10 --cpu 65 1234'],
    ['-c 65 -m 100 1234', '--cpu 65 --memory 100 1234'],
    ['-ml 100,200 1234', '--memory-below 100,200 1234'],
    ['-tc 50 -fc 900 -pf 1000 1234 /tmp', '--threads 50 --descriptors 900 --poll 1000 1234 /tmp'],
    ['-sig 11,6 1234', '--signal 11,6 1234'],
    ['-w my_application', '--wait my_application'],
    ['-pgid 1234 -o', '--group 1234 --overwrite'],
    ['-C 65 -CL 3 -Pgid 12', '--cpu 65 --cpu-below 3 --group 12'],
    ['-?', '--help'],
  ])('%s', (given, expected) => expect(translate(given)).toBe(expected));

  it.each([
    ['leaves what the program is given', '-c 65 -- app -c x -m', '--cpu 65 -- app -c x -m'],
    ['leaves its own options', '--cpu 65 -t full --callback=k.js x', '--cpu 65 -t full --callback=k.js x'],
    ['leaves the value of a flag', '-c -m 1234', '--cpu -m 1234'],
    ['takes no -- for a value', '-c -- app', '--cpu -- app'],
    ['has a flag at the end', '1234 -c', '1234 --cpu'],
  ])('%s', (_, given, expected) => expect(translate(given)).toBe(expected));

  it.each(['-gcm', '-e', '-restrack', '-mc', '-LOG'])('says that there is nothing for %s', (flag) => {
    expect(() => translate(`${flag} 1 1234`)).toThrow(
      expect.objectContaining({
        code: 'unsupported',
        message: `mdmp has nothing for ProcDump's ${flag}`,
        advice: expect.any(String),
      }),
    );
    expect(translate(`-- app ${flag}`)).toBe(`-- app ${flag}`);
  });
});
