export * from './callback.js';
export * from './callbacks.js';
export { checkCallbacks, hasCallback, hasCallbacks } from './check-callbacks.js';
export * from './engine.js';
export * from './options.js';
export type * from './target.js';
