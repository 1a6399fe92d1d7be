import { MinidumpError } from '../io/index.js';
import type { ReportAdditions } from './rust-minidump-report.js';

/**
 * Reads what crash reporters of Mozilla know beside the dump, as minidump-stackwalk takes it by --evil-json: an object in which
 * `ModuleSignatureInfo` is JSON, or JSON in a text, of the files that each subject has signed, and `CPUMicrocodeVersion` a number in
 * hexadecimal. Other members are of no interest.
 *
 * @throws `malformed` if it is no JSON object
 */
export function readEvilJson(text: string): ReportAdditions {
  const all = objectOf(text, 'the extra JSON');
  const { ModuleSignatureInfo: signatures, CPUMicrocodeVersion: microcode } = all;
  const subjects = new Map<string, string>();
  if (signatures !== undefined) {
    const byCertificate =
      typeof signatures === 'string' ? objectOf(signatures, 'ModuleSignatureInfo') : (signatures as object);
    for (const [subject, files] of Object.entries(byCertificate)) {
      if (!Array.isArray(files)) continue;
      for (const file of files) if (typeof file === 'string') subjects.set(file, subject);
    }
  }
  return {
    ...(subjects.size > 0 && { certSubject: (filename: string) => subjects.get(filename) }),
    ...(typeof microcode === 'string' &&
      /^0x[0-9a-f]+$/i.test(microcode) && { cpuMicrocodeVersion: microcode }),
  };
}

function objectOf(text: string, what: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MinidumpError('malformed', `${what} is no JSON: ${(cause as Error).message}`, { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new MinidumpError('malformed', `${what} is no JSON object`);
  return value as Record<string, unknown>;
}
