import { describe, expect, it } from 'vitest';
import { parseDebuginfodUrls, parseSymbolPath } from '../../../src/symbols/index.js';

const URL_ = 'https://symbols.example/download';

describe('_NT_SYMBOL_PATH', () => {
  it.each([
    ['', []],
    [' ; ;', []],
    ['C:\\symbols', [{ place: 'C:\\symbols', kind: 'folder', stores: [] }]],
    [
      '/a;/b',
      [
        { place: '/a', kind: 'folder', stores: [] },
        { place: '/b', kind: 'folder', stores: [] },
      ],
    ],
    [`srv*${URL_}`, [{ place: URL_, kind: 'server', stores: [] }]],
    [`SRV*C:\\cache*${URL_}`, [{ place: URL_, kind: 'server', stores: ['C:\\cache'] }]],
    [`srv**${URL_}`, [{ place: URL_, kind: 'server', stores: [''] }]],
    [`srv*/a*/b*${URL_}`, [{ place: URL_, kind: 'server', stores: ['/a', '/b'] }]],
    ['srv*\\\\server\\share', [{ place: '\\\\server\\share', kind: 'folder', stores: [] }]],
    [`symsrv*symsrv.dll*/a*${URL_}`, [{ place: URL_, kind: 'server', stores: ['/a'] }]],
    [`symsrv*other.dll*/a*${URL_}`, []],
    [
      `/first;cache*/c;srv*/a*${URL_};/last`,
      [
        { place: '/first', kind: 'folder', stores: [] },
        { place: URL_, kind: 'server', stores: ['/c', '/a'] },
        { place: '/last', kind: 'folder', stores: ['/c'] },
      ],
    ],
    ['srv*', []],
    ['srv', [{ place: 'srv', kind: 'folder', stores: [] }]],
    [URL_, [{ place: URL_, kind: 'server', stores: [] }]],
  ])('%s', (text, expected) => {
    expect(parseSymbolPath(text)).toEqual(expected);
  });
});

describe('DEBUGINFOD_URLS', () => {
  it('is URLs between spaces, and words that are none', () => {
    expect(parseDebuginfodUrls(`ima:enforcing ${URL_}  http://b/\n`)).toEqual([URL_, 'http://b/']);
    expect(parseDebuginfodUrls('')).toEqual([]);
  });
});
