import type { SignatureAnnotations, SignatureThread } from './input.js';

/** What the rules know of a crash. */
export interface Crash {
  reason: string;
  annotations: SignatureAnnotations;
  crashingThread: SignatureThread | undefined;
  /** The signature that thread 0 would have. */
  ofFirstThread: () => string;
}

type Rule = (signature: string, crash: Crash) => string;

/** EMPTY: what the stackwalker said of it. */
const stackwalkerStatus: Rule = (signature, { annotations: { mdsw_status_string: status } }) =>
  signature.startsWith('EMPTY') && status ? `${signature}; ${status}` : signature;

/** The disk, not the program. */
const badHardware: Rule = (signature, { reason }) =>
  reason.includes('STATUS_DEVICE_DATA_ERROR') ? `bad hardware | ${signature}` : signature;

const OOM_FUNCTIONS = [
  'NS_ABORT_OOM',
  'mozalloc_handle_oom',
  'CrashAtUnhandlableOOM',
  'AutoEnterOOMUnsafeRegion',
  'alloc::oom::oom',
];
const OOM_ERRORS = ['ERROR_COMMITMENT_LIMIT', 'ERROR_NOT_ENOUGH_MEMORY'];
const OOM_REASONS = ['STATUS_NO_MEMORY', 'STATUS_FATAL_MEMORY_EXHAUSTION'];
/** Bytes; who cannot have so little has no memory left, and where it was asked for says nothing. */
const SMALL = 262144;

const outOfMemory: Rule = (signature, { reason, annotations, crashingThread }) => {
  const { oom_allocation_size: given, js_large_allocation_failure: javaScript } = annotations;
  const size = given === undefined || given === null || given === '' ? Number.NaN : Number(given);
  const reporting = javaScript === 'Reporting';
  const applies =
    size > 0 ||
    reporting ||
    OOM_FUNCTIONS.some((name) => signature.includes(name)) ||
    OOM_ERRORS.includes(crashingThread?.last_error_value ?? '') ||
    OOM_REASONS.includes(reason);
  if (!applies) return signature;
  if (size > SMALL || reporting) return `OOM | large | ${signature}`;
  return size <= SMALL ? 'OOM | small' : `OOM | unknown | ${signature}`;
};

const ABORT = '###!!! ABORT:';
const LONGEST_MESSAGE = 80;

/** Without where in the source it was, which differs between builds. */
const abortMessage: Rule = (signature, { annotations: { abort_message: message } }) => {
  if (!message) return signature;
  if (message.includes(`${ABORT} file `)) return `Abort | ${signature}`;
  const marker = message.indexOf(ABORT);
  let text = marker < 0 ? message : message.slice(marker + ABORT.length);
  const place = text.indexOf(': file ');
  if (place >= 0) text = text.slice(0, place);
  text = printable(text).trim();
  if (text.length > LONGEST_MESSAGE) text = `${text.slice(0, LONGEST_MESSAGE - 3)}...`;
  return `Abort | ${text} | ${signature}`;
};

/** Which phase of the shutdown did not end, and who was waited for. */
const shutdownTimeout: Rule = (signature, { annotations: { async_shutdown_timeout: json } }) =>
  json ? `AsyncShutdownTimeout | ${shutdownParts(json).join(' | ')}` : signature;

function shutdownParts(json: string): string[] {
  let data: { phase?: unknown; conditions?: unknown } | null;
  try {
    data = JSON.parse(json);
  } catch {
    return ['UNKNOWN'];
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return ['UNKNOWN'];
  const { phase = '(unknown)', conditions = [] } = data;
  if (typeof phase !== 'string' || !Array.isArray(conditions)) return ['UNKNOWN'];
  const names = conditions.map((condition: unknown) =>
    typeof condition === 'string' ? condition : (condition as { name?: unknown } | null)?.name,
  );
  if (!names.every((name) => typeof name === 'string')) return [phase, 'UNKNOWN'];
  return [phase, names.length === 0 ? '(none)' : names.sort().join(',')];
}

/** A watchdog that ends a program which does not end: what the first thread does is what matters. */
const runWatchdog: Rule = (signature, { ofFirstThread }) =>
  signature.includes('RunWatchdog') ? `shutdownhang | ${ofFirstThread()}` : signature;

const ipcError: Rule = (signature, { annotations }) => {
  const { ipc_channel_error: error, additional_minidumps: dumps } = annotations;
  if (!error) return signature;
  const side = dumps?.includes('upload_file_minidump_browser') ? 'browser' : 'content';
  return `IPCError-${side} | ${error.slice(0, 100)}`;
};

const ipcMessage: Rule = (signature, { annotations: { ipc_message_name: name } }) =>
  name ? `${signature} | IPC_Message_Name=${name}` : signature;

const stackOverflow: Rule = (signature, { reason }) =>
  reason === 'EXCEPTION_STACK_OVERFLOW' ? `stackoverflow | ${signature}` : signature;

const hang: Rule = (signature, { annotations: { hang: what } }) =>
  what ? `hang: ${what} | ${signature}` : signature;

/** ASCII from the space to the tilde */
function printable(text: string): string {
  return text.replace(/[^ -~]/g, '');
}

const LONGEST_SIGNATURE = 255;

/** One after the other, in Socorro's order. */
const rules: readonly Rule[] = [
  stackwalkerStatus,
  badHardware,
  outOfMemory,
  abortMessage,
  shutdownTimeout,
  runWatchdog,
  ipcError,
  ipcMessage,
  stackOverflow,
  hang,
  printable,
  (signature) => signature.trim().replace(/ {2,}/g, ' '),
  (signature) =>
    signature.length > LONGEST_SIGNATURE ? `${signature.slice(0, LONGEST_SIGNATURE - 3)}...` : signature,
];

export function applyRules(signature: string, crash: Crash): string {
  return rules.reduce((text, rule) => rule(text, crash), signature);
}
