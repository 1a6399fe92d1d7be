import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { minidumpDump, minidumpStackwalk } from '../support/judges.js';
import { compile, Program, stopPrograms, temporaryFolder } from '../support/programs.js';
import { describeWith, needsBuild, needsLinux, root } from '../support/tools.js';

afterEach(stopPrograms);

/** How each crash of crash.c shows: signal, si_code, and the address of the fault where it is known. */
const crashes = [
  { how: 'null', signal: 11, name: 'SIGSEGV', address: 8n },
  { how: 'divide', signal: 8, name: 'SIGFPE', address: undefined },
  { how: 'illegal', signal: 4, name: 'SIGILL', address: undefined },
  { how: 'abort', signal: 6, name: 'SIGABRT', address: undefined },
  { how: 'overflow', signal: 11, name: 'SIGSEGV', address: undefined },
] as const;

describeWith(
  ['gcc', 'minidump_dump', 'minidump_stackwalk', needsLinux, needsBuild],
  'a program whose signal handler asks for its dump',
  () => {
    for (const where of ['main', 'thread'] as const) {
      for (const { how, signal, name, address } of crashes) {
        it(`has the fault on top: ${how} in ${where}`, async () => {
          const file = join(temporaryFolder(), 'crash.dmp');
          const command = [process.execPath, join(root, 'dist/cli/main.js')];
          const program = await Program.start(await compile('crash'), [how, where, file, ...command]);
          program.send('go');
          expect(await program.end()).toBe(name);
          expect(await program.rest()).toContain('dumper=0');

          const walk = await minidumpStackwalk(file);
          const frames = walk.frames[walk.crash.thread!]!;
          expect(walk.crash.reason).toContain(name);
          const dump = await minidumpDump(file);
          expect(dump.exception?.code).toBe(signal);
          if (address !== undefined) expect(dump.exception?.address).toBe(address);
          expect(frames.length).toBeGreaterThan(how === 'overflow' ? 5 : 1);
          if (how !== 'abort') {
            // The frame of the fault is in the program itself, at most some hundred bytes into the function that crashed.
            expect(frames[0]!.module).toMatch(/^crash/);
            const main = walk.modules.find(({ name }) => name === frames[0]!.module)!;
            const into = main.start + frames[0]!.offset - BigInt(program.values.get('crash_function')!);
            expect(into).toBeGreaterThanOrEqual(how === 'overflow' ? -4096n : 0n);
            expect(into).toBeLessThan(4096n);
          }
        });
      }
    }
  },
);
