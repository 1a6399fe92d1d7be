/** What the sample and those who dump it know of each other. */

/** What the sample prints, as one line of JSON. Addresses are hexadecimal. */
export interface Sample {
  /** Where the secret is: each a copy of SECRET_LENGTH bytes. */
  environment: string;
  heap: string;
  stack: string;
  /** The block on the heap that has the secret between other data of a session. */
  session: { address: string; size: number };
}

export const SECRET_LENGTH = 64;
export const SESSION_BEFORE = 'customer=1001 cart=3 token=';
export const SESSION_AFTER = ' locale=de_DE';
