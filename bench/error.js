/** What ends the benchmark: one line that says what to do. */
export class BenchError extends Error {}
