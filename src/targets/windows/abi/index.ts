export * from './abi.js';
export * from './arguments.js';
export * from './handles.js';
export * from './input.js';
export type * from './native-memory.js';
export * from './output.js';
export * from './routine.js';
export * from './structures.js';
export * from './thread-layout.js';
