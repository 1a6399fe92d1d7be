// One of several processes that fetch the same symbols at once.
import { join } from 'node:path';

const dist = new URL('../../../dist/', import.meta.url).href;
const { CacheFolder } = await import(`${dist}node/cache-folder.js`);
const { DownloadFolder } = await import(`${dist}node/download-folder.js`);
const { httpFetch } = await import(`${dist}node/http-fetch.js`);
const { Downloads, SymbolServer, Symbols } = await import(`${dist}symbols/index.js`);
const { runAsync } = await import(`${dist}io/index.js`);

const [url, folder, module] = process.argv.slice(2);
const downloads = new Downloads({ fetch: httpFetch(), notes: new CacheFolder(join(folder, 'notes')) });
const stores = [new DownloadFolder(join(folder, 'downloads'))];
const symbols = new Symbols([new SymbolServer(url, { downloads, stores })], {
  cache: new CacheFolder(folder),
});
const { state, problems, information } = await runAsync(symbols.of(JSON.parse(module), 8));
const { name } = (await runAsync(information.functionAt(0x1004))) ?? {};
process.send({ state, name, problems }, () => process.disconnect());
