export { cpuRules, type TechniqueName, type UnwindCpu, type UnwindSystem } from './cpu.js';
export type * from './frame.js';
export type * from './lookups.js';
export * from './memory.js';
export { LOWEST_INSTRUCTION, orBroken } from './technique.js';
export * from './unwind.js';
