export {
  breakpadPath,
  buildIdPath,
  keptPath,
  type PathKind,
  type SymbolPath,
  symbolPaths,
} from './layouts.js';
export { LocalFiles } from './local-files.js';
export { SymbolFile } from './symbol-file.js';
export { SymbolFolder } from './symbol-folder.js';
