/*
 * Answers requests until it is ended: node serve.mjs MODULE FOLDER. Of each file N.request that comes into the folder the text goes to the
 * module's default export, and what that gives goes into N.answer. For tests: Node takes longer to start in Wine than what it is asked for.
 */
import { existsSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const [, , module, folder] = process.argv;
const { default: answer } = await import(pathToFileURL(module));
writeSync(1, `pid=${process.pid}\nREADY\n`);
for (let n = 0; ; n++) {
  const request = join(folder, `${n}.request`);
  while (!existsSync(request)) await setTimeout(5);
  writeFileSync(`${request}.answer`, await answer(readFileSync(request, 'utf8')));
  renameSync(`${request}.answer`, join(folder, `${n}.answer`));
}
