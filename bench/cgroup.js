// A memory cgroup of its own for a process, of version 1 or 2.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LeftOut } from './error.js';
import { atExit } from './processes.js';

const PREFIX = 'mdmp-bench-';
const FILES = {
  1: { limit: 'memory.limit_in_bytes', usage: 'memory.usage_in_bytes', events: 'memory.oom_control' },
  2: { limit: 'memory.max', usage: 'memory.current', events: 'memory.events' },
};

/** Where cgroups with a memory limit can be made, or undefined. Nothing is switched on for that: where the system has not done it, there is none. */
function controller() {
  for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
    const [, path, type, options] = line.split(' ');
    if (type === 'cgroup' && options.split(',').includes('memory')) return { path, version: 1 };
    const children = join(path ?? '', 'cgroup.subtree_control');
    if (
      type === 'cgroup2' &&
      existsSync(children) &&
      readFileSync(children, 'utf8').split(/\s/).includes('memory')
    )
      return { path, version: 2 };
  }
  return undefined;
}

/** A benchmark that was killed outright leaves an empty cgroup. One that is in use cannot be removed. */
function removeLeftovers(parent) {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(PREFIX)) continue;
    try {
      rmdirSync(join(parent, name));
    } catch {}
  }
}

/**
 * A new cgroup, removed at the end in any case. `join` is a shell command that moves the shell into it, `limit` sets how many bytes it may use, `usage`
 * is how many it uses, `oomKills` how many processes in it were killed for want of memory. `remove` wants its processes to have ended. LeftOut where none can be made.
 */
export function makeCgroup() {
  const where = controller();
  if (!where) throw new LeftOut('there is no memory controller of cgroups');
  removeLeftovers(where.path);
  const folder = join(where.path, `${PREFIX}${process.pid}`);
  try {
    mkdirSync(folder);
  } catch (error) {
    throw new LeftOut(`${folder} cannot be made (${error.code}): that takes root`);
  }
  const files = FILES[where.version];
  const read = (name) => readFileSync(join(folder, name), 'utf8');
  const forget = atExit(() => remove());
  function remove() {
    // A process that was killed leaves the cgroup some milliseconds later.
    for (let attempt = 0; existsSync(folder); attempt++) {
      try {
        rmdirSync(folder);
      } catch (error) {
        if (attempt === 100) {
          console.error(`bench: ${folder} is left over: ${error.message}`);
          break;
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
      }
    }
    forget();
  }
  return {
    version: where.version,
    join: `echo $$ > '${join(folder, 'cgroup.procs')}'`,
    limit: (bytes) => writeFileSync(join(folder, files.limit), String(bytes)),
    usage: () => Number(read(files.usage)),
    oomKills: () => Number(/^oom_kill (\d+)/m.exec(read(files.events))?.[1] ?? 0),
    remove,
  };
}
