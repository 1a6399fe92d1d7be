import { type ErrorCode, MinidumpError } from './errors.js';

/** What a MinidumpError says, on its way to another process: neither JSON nor V8's serialisation keeps its class. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly advice?: string | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
}

export function plainError({ code, message, advice, expected, found }: MinidumpError): PlainError {
  return { code, message, advice, expected, found };
}

/** The error again, without its cause. */
export function errorFromPlain({ code, message, advice, expected, found }: PlainError): MinidumpError {
  return new MinidumpError(code, message, { advice, expected, found });
}
