import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SignatureThread } from '../../src/analysis/signature/index.js';
import {
  encodeException,
  encodeSystemInfo,
  encodeThreadList,
  type InputOf,
  type MINIDUMP_EXCEPTION,
  type MINIDUMP_SYSTEM_INFO,
  StreamType,
} from '../../src/format/index.js';
import { DumpBuilder } from '../reader/build-dump.js';
import { run } from '../support/run.js';
import { requireTool } from '../support/tools.js';

/** The fields of rust-minidump's JSON that are compared here. */
export interface RustReport {
  crash_info: { type: string | null; address: string | null; crashing_thread: number | null };
  system_info: Record<string, unknown>;
  modules: Record<string, unknown>[];
  unloaded_modules: Record<string, unknown>[];
  pid: number | null;
  process_uptime: number | null;
  lsb_release: unknown;
  proc_limits: { limits: { name: string }[] } | null;
  linux_memory_map_count: number | null;
  threads: SignatureThread[];
}

/** What rust-minidump's minidump-stackwalk says of a dump without symbols; undefined where it gives up. */
export async function rustReport(file: string): Promise<RustReport | undefined> {
  const result = await run(requireTool('minidump-stackwalk'), ['--json', file], { timeoutMs: 120_000 });
  if (result.status !== 0) return undefined;
  return JSON.parse(result.stdout.toString('utf8'));
}

/** An exception record, of what the test does not give zero. */
export function exceptionRecord(
  code: number,
  { flags = 0, address = 0n, information = [] as readonly bigint[] } = {},
): MINIDUMP_EXCEPTION {
  return {
    ExceptionCode: code,
    ExceptionFlags: flags,
    ExceptionRecord: 0n,
    ExceptionAddress: address,
    NumberParameters: information.length,
    __unusedAlignment: 0,
    ExceptionInformation: Array.from({ length: 15 }, (_, i) => information[i] ?? 0n),
  };
}

/** A dump with a system, no threads, and perhaps an exception: all that a report cannot do without. */
export function smallDump(
  system: InputOf<typeof MINIDUMP_SYSTEM_INFO>,
  exception?: MINIDUMP_EXCEPTION,
): DumpBuilder {
  const builder = new DumpBuilder()
    .stream(StreamType.SystemInfoStream, encodeSystemInfo(system))
    .stream(StreamType.ThreadListStream, encodeThreadList([]));
  if (exception === undefined) return builder;
  return builder.stream(
    StreamType.ExceptionStream,
    encodeException({ ThreadId: 1, ExceptionRecord: exception }),
  );
}

/** What rust-minidump says of dumps that are not files yet; two at a time. */
export async function rustReports(dumps: readonly Uint8Array[]): Promise<RustReport[]> {
  const folder = mkdtempSync(join(tmpdir(), 'mdmp-analysis-'));
  try {
    const reports: RustReport[] = [];
    const work = async (first: number) => {
      const file = join(folder, `${first}.dmp`);
      for (let i = first; i < dumps.length; i += 2) {
        writeFileSync(file, dumps[i]!);
        const report = await rustReport(file);
        if (report === undefined) throw new Error(`minidump-stackwalk refused dump ${i}`);
        reports[i] = report;
      }
    };
    await Promise.all([work(0), work(1)]);
    return reports;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
