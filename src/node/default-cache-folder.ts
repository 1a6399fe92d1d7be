import { homedir } from 'node:os';
import { join } from 'node:path';

/**
 * The folder that a system has for such things.
 *
 * @param content what is kept there: each has a folder of its own
 */
export function defaultCacheFolder(content: 'symbols' | 'code' = 'symbols'): string {
  const { env, platform } = process;
  if (platform === 'win32')
    return join(env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'mdmp', content);
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'mdmp', content);
  // XDG base directories: a relative path is to be ignored.
  const base = env.XDG_CACHE_HOME?.startsWith('/') ? env.XDG_CACHE_HOME : join(homedir(), '.cache');
  return join(base, 'mdmp', content);
}
