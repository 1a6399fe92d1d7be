/** What ends the benchmark: one line that says what to do. */
export class BenchError extends Error {}

/** Why a part cannot be measured here, which is no error. */
export class LeftOut extends Error {}
