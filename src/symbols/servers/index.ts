export { type DownloadProgress, Downloads, type DownloadsOptions } from './downloads.js';
export { parseDebuginfodUrls, parseSymbolPath, type SymbolPathElement } from './symbol-path.js';
export { type ServerLayout, SymbolServer, type SymbolServerOptions } from './symbol-server.js';
export { shownUrl, TRANSFER_LIMITS, type TransferLimits } from './transfer.js';
