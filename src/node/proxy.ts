import { MinidumpError } from '../io/index.js';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that a URL is fetched through, by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, in capitals or not, as curl has them. Undefined
 * where there is none.
 */
export function proxyFor({ protocol, hostname, port }: URL, env: Environment): URL | undefined {
  const value = (name: string) => env[name.toLowerCase()] || env[name.toUpperCase()] || undefined;
  const text = value(protocol === 'https:' ? 'https_proxy' : 'http_proxy') ?? value('all_proxy');
  if (text === undefined || isExempt(hostname, port, value('no_proxy') ?? '')) return undefined;
  const proxy = /^\w[\w+.-]*:\/\//.test(text) ? text : `http://${text}`;
  if (!URL.canParse(proxy) || !/^https?:$/.test(new URL(proxy).protocol)) {
    throw new MinidumpError(
      'unsupported',
      `the proxy '${withoutPassword(text)}' is not one of http or https`,
      {
        advice: 'Set HTTPS_PROXY to such as http://proxy:3128.',
      },
    );
  }
  return new URL(proxy);
}

const withoutPassword = (text: string): string => text.replace(/\/\/[^/@]*@/, '//');

/** NO_PROXY: host names between commas or spaces, each with all below it; with a port, of that port only; `*` is all. */
function isExempt(hostname: string, port: string, list: string): boolean {
  const host = bare(hostname);
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = entry, onlyPort] = /^(.*?)(?::(\d+))?$/.exec(entry.replace(/^\[(.*)\]/, '$1')) ?? [];
      const isAddress = entry.includes('::');
      const wanted = (isAddress ? bare(entry) : name).replace(/^\*?\./, '');
      if (onlyPort !== undefined && !isAddress && onlyPort !== port) return false;
      return host === wanted || host.endsWith(`.${wanted}`);
    });
}

const bare = (hostname: string): string => hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1');
