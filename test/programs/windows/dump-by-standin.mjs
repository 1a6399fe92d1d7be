/*
 * Dumps a process by mdmp with a DLL in place of DbgHelp, once for each plan of a list of
 * { pid, destination, options, environment, answers: { [callback type]: [{ answer, output?, fill?, throws? }] } }. The n-th answer is for the n-th
 * callback of its type, the last one for all further ones; a type without one gets FALSE, threads and modules TRUE. Gives a list of
 * { report?, error?, calls: [{ type, param, input, output }] } as JSON, in which bytes are { hex } and bigints { bigint }.
 */
import { MinidumpError, writeMinidump } from 'mdmp';

const pack = (_name, value) => {
  if (typeof value === 'bigint') return { bigint: value.toString() };
  return value instanceof Uint8Array ? { hex: Buffer.from(value).toString('hex') } : value;
};
// JSON.stringify asks a Buffer for its toJSON before it asks `pack`.
delete Buffer.prototype.toJSON;
const unpack = (_name, value) => {
  if (typeof value?.bigint === 'string') return BigInt(value.bigint);
  return typeof value?.hex === 'string' ? new Uint8Array(Buffer.from(value.hex, 'hex')) : value;
};

async function dump({ pid, destination, options, environment, answers }) {
  // Where Windows keeps it, which is where the DLL looks.
  Object.assign(process.env, environment);
  const counts = new Map();
  const calls = [];
  function CallbackRoutine(param, input, output) {
    const { CallbackType: type } = input;
    calls.push({ type, param, input: structuredClone(input), output: structuredClone(output) });
    const count = counts.get(type) ?? 0;
    counts.set(type, count + 1);
    const given = answers[type] ?? [{ answer: [0, 1, 2, 3, 4].includes(type) }];
    const answer = given[Math.min(count, given.length - 1)];
    if (answer.throws) throw new RangeError(answer.throws);
    Object.assign(output, answer.output);
    const buffer = (input.VmPreRead ?? input.VmPostRead)?.Buffer;
    if (answer.fill) buffer.fill(answer.fill.value, 0, answer.fill.size);
    return answer.answer;
  }
  const callback = answers === null ? undefined : { CallbackRoutine, CallbackParam: { mine: true } };
  try {
    return { report: await writeMinidump(pid, destination, { ...options, callback }), calls };
  } catch (error) {
    if (!(error instanceof MinidumpError)) throw error;
    const { code, message, hresult, cause } = error;
    return {
      error: { code, message, hresult, cause: cause === undefined ? undefined : String(cause) },
      calls,
    };
  }
}

export default async function dumpAll(plans) {
  const results = [];
  for (const plan of JSON.parse(plans, unpack)) results.push(await dump(plan));
  return JSON.stringify(results, pack);
}
