import type { RegisterOptions } from './options.js';

type Origin = 'uncaughtException' | 'unhandledRejection';

export interface ExceptionTexts {
  /** One line: what is told. */
  readonly text: string;
  /** With its stack, for the dump. */
  readonly comment: string;
}

/** So much of a stack goes into a dump: Error.stackTraceLimit may be infinite. */
const LONGEST = 64 * 1024;
const MOST_CAUSES = 8;

/** Whether an exception is to be dumped. */
export function isWanted(
  error: unknown,
  origin: Origin,
  fatal: boolean,
  { uncaught }: RegisterOptions,
): boolean {
  if (uncaught === undefined || uncaught === 'fatal') return fatal;
  if (uncaught === 'all' || uncaught === false) return uncaught === 'all';
  return [origin, ...namesOf(error)].some((name) => uncaught.includes(name));
}

/** What can be said of an exception. Nothing of it throws, whatever getters it has. @param message whether its message may be told */
export function describe(error: unknown, origin: Origin, message: boolean): ExceptionTexts {
  const stacks: string[] = [];
  const seen = new Set<unknown>();
  for (let one = error; stacks.length < MOST_CAUSES; one = property(one, 'cause')) {
    if (stacks.length > 0 && (one === undefined || one === null)) break;
    if (seen.has(one)) break;
    seen.add(one);
    stacks.push(stackOf(one, message));
  }
  const comment = `${origin}\n${stacks.join('\ncaused by ')}`.slice(0, LONGEST);
  const kind = origin === 'uncaughtException' ? 'uncaught' : 'unhandled rejection';
  return { text: `${kind} ${headOf(error, message)}`.slice(0, 500), comment };
}

/** Name and code, and the message if it may be. */
function headOf(error: unknown, message: boolean): string {
  if (!isObject(error)) return message ? `${typeof error} ${asText(error)}` : typeof error;
  const [name = 'Object'] = namesOf(error);
  const code = property(error, 'code');
  const coded = typeof code === 'string' && !name.includes(code) ? `${name} [${code}]` : name;
  const text = property(error, 'message');
  return message && typeof text === 'string' && text !== '' ? `${coded}: ${text}` : coded;
}

function stackOf(error: unknown, message: boolean): string {
  const head = headOf(error, message);
  const stack = property(error, 'stack');
  if (typeof stack !== 'string') return head;
  const frames = framesOf(stack, property(error, 'message'));
  return frames === '' ? head : `${head}\n${frames}`;
}

/** The lines of a stack that stand below the message, which may have lines that look like them. */
function framesOf(stack: string, message: unknown): string {
  const at = typeof message === 'string' && message !== '' ? stack.indexOf(message) : -1;
  const rest = at < 0 ? stack : stack.slice(at + (message as string).length);
  const lines = rest.split('\n');
  // The last ones in a row: before them may stand a message that was changed afterwards.
  let first = lines.length;
  while (first > 0 && /^ {4}at /.test(lines[first - 1]!)) first--;
  return lines.slice(first).join('\n');
}

/** The name that it has, those of its classes, and its code. */
function namesOf(error: unknown): string[] {
  if (!isObject(error)) return [typeof error];
  const names = [property(error, 'name'), property(error, 'code')];
  for (let one: unknown = error, depth = 0; isObject(one) && depth < 16; depth++) {
    names.push(property(property(one, 'constructor'), 'name'));
    try {
      one = Object.getPrototypeOf(one);
    } catch {
      break;
    }
  }
  return [...new Set(names.filter((name): name is string => typeof name === 'string' && name !== ''))];
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function property(of: unknown, name: string): unknown {
  try {
    return (of as Record<string, unknown> | undefined)?.[name];
  } catch {
    return undefined;
  }
}

function asText(value: unknown): string {
  return String(value).slice(0, 10_000);
}
