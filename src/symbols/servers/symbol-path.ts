/** An element of a symbol path of Windows' debuggers: where to look, and where what is found is kept. */
export interface SymbolPathElement {
  /** A folder, or the URL of a server. */
  readonly place: string;
  readonly kind: 'folder' | 'server';
  /** Folders of caches before it, the nearest first; an empty name is the one that is taken if none is named. */
  readonly stores: readonly string[];
}

const isUrl = (text: string): boolean => /^https?:\/\//i.test(text);

/**
 * What stands in _NT_SYMBOL_PATH: elements between semicolons, each a folder, `srv*STORE*STORE*URL`, `symsrv*symsrv.dll*…` (the same), or
 * `cache*FOLDER`, which keeps what comes from the elements behind it. The last name of a `srv*` is where things are; those before it
 * are caches. DbgHelp's own extensions beside symsrv.dll are left out.
 */
export function parseSymbolPath(text: string): SymbolPathElement[] {
  const elements: SymbolPathElement[] = [];
  let before: readonly string[] = [];
  for (const element of text.split(';').map((one) => one.trim())) {
    if (element === '') continue;
    const words = element.split('*').map((one) => one.trim());
    const [first] = words as [string];
    switch (words.length > 1 ? first.toLowerCase() : '') {
      case '':
        elements.push({ place: element, kind: isUrl(element) ? 'server' : 'folder', stores: before });
        break;
      case 'cache':
        before = [...before, words[1]!];
        break;
      case 'srv':
        elements.push(...serverOf(words.slice(1), before));
        break;
      case 'symsrv':
        if (/^symsrv(?:\.dll)?$/i.test(words[1]!)) elements.push(...serverOf(words.slice(2), before));
        break;
    }
  }
  return elements;
}

function serverOf(places: readonly string[], before: readonly string[]): SymbolPathElement[] {
  const place = places.at(-1);
  // `srv*` alone is the cache itself: what was fetched at other times.
  if (place === undefined || place === '') return [];
  return [
    {
      place,
      kind: isUrl(place) ? 'server' : 'folder',
      stores: [...before, ...places.slice(0, -1)],
    },
  ];
}

/** What stands in DEBUGINFOD_URLS: URLs between spaces. Other words are policies for signatures (`ima:enforcing`). */
export function parseDebuginfodUrls(text: string): string[] {
  return text.split(/\s+/).filter(isUrl);
}
