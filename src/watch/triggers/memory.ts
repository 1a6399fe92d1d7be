import { statusBytes } from '../../linux/stat.js';
import { type Condition, type ConditionContext, Edge } from './condition.js';
import type { Readings } from './readings.js';
import { bytesText, limitText, number } from './texts.js';
import type { Finding, MemoryMeasure, MemoryTrigger } from './trigger.js';

type BytesTrigger = Extract<MemoryTrigger, { bytes: number }>;
type ShareTrigger = Extract<MemoryTrigger, { percent: number }>;

const NAMES: Record<MemoryMeasure, string> = {
  commit: 'memory',
  rss: 'resident memory',
  private: 'private memory',
  pss: 'proportional memory (PSS)',
};

export function memoryCondition(spec: MemoryTrigger, context: ConditionContext): Condition {
  if (spec.measure === 'cgroup') return new ShareCondition(spec, context);
  return spec.measure === 'pss' ? new PssCondition(spec, context) : new BytesCondition(spec, context);
}

function isBeyond(kind: MemoryTrigger['kind'], value: number, limit: number): boolean {
  return kind === 'memory-above' ? value >= limit : value < limit;
}

function finding(spec: BytesTrigger, value: number): Finding {
  const limit = limitText(spec.kind, bytesText(spec.bytes));
  return { text: `${NAMES[spec.measure]} ${bytesText(value)} ${limit}`, value, limit: spec.bytes };
}

/** What /proc/PID/status tells to everybody. */
class BytesCondition implements Condition {
  readonly #spec: BytesTrigger;
  readonly #edge: Edge;

  constructor(spec: BytesTrigger, { rearmMs }: ConditionContext) {
    this.#spec = spec;
    this.#edge = new Edge(rearmMs);
  }

  look({ status }: Readings, now: number): Finding | undefined {
    const value = status && measured(status, this.#spec.measure);
    if (value === undefined) return undefined;
    const holds = isBeyond(this.#spec.kind, value, this.#spec.bytes);
    return this.#edge.update(holds, now) ? finding(this.#spec, value) : undefined;
  }
}

/** Undefined for a process that has none: it is about to end. */
function measured(status: ReadonlyMap<string, string>, measure: MemoryMeasure): number | undefined {
  const resident = statusBytes(status, measure === 'private' ? 'RssAnon' : 'VmRSS');
  if (resident === undefined || measure === 'rss') return resident;
  return resident + (statusBytes(status, 'VmSwap') ?? 0);
}

/** Told when it has been read, between two polls. */
class PssCondition implements Condition {
  readonly #spec: BytesTrigger;
  readonly #context: ConditionContext;
  readonly #edge: Edge;
  #reading: Promise<number | undefined> | undefined;

  constructor(spec: BytesTrigger, context: ConditionContext) {
    this.#spec = spec;
    this.#context = context;
    this.#edge = new Edge(context.rearmMs);
  }

  look(readings: Readings, now: number): undefined {
    const { pid, status } = readings;
    // Its share of what is mapped and resident is never more than all of it, which is cheap to know.
    const rss = status && statusBytes(status, 'VmRSS');
    if (this.#spec.kind === 'memory-above' && rss !== undefined && rss < this.#spec.bytes) {
      this.#edge.update(false, now);
      return;
    }
    const reading = readings.pss();
    if (reading === this.#reading) return;
    this.#reading = reading;
    reading.then(
      (pss) => {
        if (pss === undefined) return;
        const holds = isBeyond(this.#spec.kind, pss, this.#spec.bytes);
        if (this.#edge.update(holds, performance.now())) this.#context.fire(finding(this.#spec, pss));
      },
      (error: NodeJS.ErrnoException) =>
        this.#context.problem(
          `the PSS of process ${pid} cannot be read (${error.code}): smaps_rollup needs the right to trace it. Run as its user or with CAP_SYS_PTRACE, or measure rss or private instead`,
        ),
    );
  }
}

class ShareCondition implements Condition {
  readonly #spec: ShareTrigger;
  readonly #context: ConditionContext;
  readonly #edge: Edge;

  constructor(spec: ShareTrigger, context: ConditionContext) {
    this.#spec = spec;
    this.#context = context;
    this.#edge = new Edge(context.rearmMs);
  }

  look(readings: Readings, now: number): Finding | undefined {
    const { kind, percent } = this.#spec;
    const found = readings.cgroupShare(percent);
    if (typeof found === 'string') {
      this.#context.problem(
        found === 'unlimited'
          ? `the cgroup of process ${readings.pid} has no memory limit, so there is no share of it to watch`
          : `the memory of the cgroup of process ${readings.pid} cannot be seen: no cgroup file system that shows it is mounted here`,
      );
      return undefined;
    }
    if (!this.#edge.update(isBeyond(kind, found.share, percent), now)) return undefined;
    const limit = limitText(kind, `${number(percent)} %`);
    return {
      text: `cgroup memory ${number(found.share)} % of ${bytesText(found.limit)} ${limit}`,
      value: found.share,
      limit: percent,
    };
  }
}
