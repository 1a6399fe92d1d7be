import { MAX_TEXT, Unreadable } from './budget.js';
import { demangleItanium } from './itanium/index.js';

export interface DemangleOptions {
  /** false: without parameters, return type and what else belongs to the signature of a C++ function. */
  parameters?: boolean;
}

export function demangle(name: string, options: DemangleOptions = {}): string {
  if (name.length > MAX_TEXT) return name;
  const parameters = options.parameters ?? true;
  try {
    if (name.startsWith('_Z') || name.startsWith('___Z')) return demangleItanium(name, parameters);
    if (name.startsWith('__Z') || name.startsWith('____Z')) return demangleItanium(name.slice(1), parameters);
    return name;
  } catch (error) {
    if (error instanceof Unreadable) return name;
    throw error;
  }
}
