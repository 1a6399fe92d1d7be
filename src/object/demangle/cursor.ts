import { type Budget, giveUp } from './budget.js';

/** Where we are in a mangled name. */
export class Cursor {
  at: number;

  constructor(
    readonly name: string,
    start: number,
    readonly budget: Budget,
  ) {
    this.at = start;
  }

  get ended(): boolean {
    return this.at >= this.name.length;
  }

  /** The character `ahead` of here; empty behind the end. */
  look(ahead = 0): string {
    return this.name.charAt(this.at + ahead);
  }

  next(): string {
    if (this.ended) giveUp();
    return this.name.charAt(this.at++);
  }

  starts(text: string): boolean {
    return this.name.startsWith(text, this.at);
  }

  accept(text: string): boolean {
    if (!this.name.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  expect(text: string): void {
    if (!this.accept(text)) giveUp();
  }

  get digit(): boolean {
    return isDigit(this.name.charCodeAt(this.at));
  }
}

export const isDigit = (code: number) => code >= 48 && code <= 57;
