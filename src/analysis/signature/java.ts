/** With more letters than this only the class and the method are left. */
const LONGEST = 255;

/**
 * The first two lines of a Java stack trace: the class and the text of the exception, and the method without its line. Objects
 * that are printed with their address (`@1a2b3c4d`) get `@<addr>`. A colon parts text and method only behind such an
 * address: Socorro keeps to that so that signatures stay what they were.
 */
export function javaSignature(trace: string): string {
  const [first = '', second = ''] = trace.split('\n', 2).map((line) => line.trim());
  if (trace.trim() === '') return 'EMPTY: Java stack trace not in expected format';
  const colon = first.indexOf(':');
  const name = colon < 0 ? first : first.slice(0, colon).trim();
  const text =
    colon < 0
      ? ''
      : first
          .slice(colon + 1)
          .replace(/@[0-9a-f]{8}/g, '@<addr>')
          .trim();
  const method = second.replace(/\.java:\d+\)$/, '.java)');
  const join = (separator: string, ...parts: string[]) => parts.filter((part) => part !== '').join(separator);
  const signature = text.endsWith('<addr>')
    ? join(': ', name, text, method)
    : join(': ', name, join(' ', text, method));
  return signature.length > LONGEST ? `${name}: ${method}` : signature;
}
