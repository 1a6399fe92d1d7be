import { amd64 } from './amd64.js';
import { arm64 } from './arm64.js';
import type { Cpu } from './cpu.js';
import { x86 } from './x86.js';

export type { Cpu, ThreadState } from './cpu.js';
export { parseSyscall } from './cpu.js';

export const cpus = { amd64, x86, arm64 } as const satisfies Record<string, Cpu>;
export type CpuName = keyof typeof cpus;
