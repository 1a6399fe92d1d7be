/** RFC 3492, section 5. */
const BASE = 36;
const T_MIN = 1;
const T_MAX = 26;
const SKEW = 38;
const DAMP = 700;
const INITIAL_BIAS = 72;
const INITIAL_CODE = 0x80;

/** No identifier is longer; inserting is quadratic. */
const MAX_CHARACTERS = 1024;

/** The text for its ASCII characters and the deltas of the others; undefined if they are none. */
export function decodePunycode(ascii: string, deltas: string): string | undefined {
  const text = Array.from(ascii);
  let code = INITIAL_CODE;
  let bias = INITIAL_BIAS;
  let index = 0;
  let at = 0;
  let first = true;
  while (at < deltas.length) {
    let delta = 0;
    let weight = 1;
    for (let k = BASE; ; k += BASE) {
      const digit = digitOf(deltas.charCodeAt(at++));
      if (digit === undefined) return undefined;
      delta += digit * weight;
      if (delta > 0x7fffffff) return undefined;
      const threshold = Math.min(Math.max(k - bias, T_MIN), T_MAX);
      if (digit < threshold) break;
      weight *= BASE - threshold;
    }
    const count = text.length + 1;
    if (count > MAX_CHARACTERS) return undefined;
    bias = adapt(delta, count, first);
    first = false;
    index += delta;
    code += Math.floor(index / count);
    index %= count;
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined;
    text.splice(index++, 0, String.fromCodePoint(code));
  }
  return text.join('');
}

function adapt(delta: number, count: number, first: boolean): number {
  let rest = Math.floor(delta / (first ? DAMP : 2));
  rest += Math.floor(rest / count);
  let k = 0;
  while (rest > ((BASE - T_MIN) * T_MAX) / 2) {
    rest = Math.floor(rest / (BASE - T_MIN));
    k += BASE;
  }
  return k + Math.floor(((BASE - T_MIN + 1) * rest) / (rest + SKEW));
}

/** a to z, then 0 to 9; NaN is behind the end. */
function digitOf(code: number): number | undefined {
  if (code >= 97 && code <= 122) return code - 97;
  return code >= 48 && code <= 57 ? code - 48 + 26 : undefined;
}
