/**
 * The environment of a helper process that runs this same Node: the variables of these names, as far as there are any, and nothing else, as
 * NODE_OPTIONS may start an inspector.
 */
export function helperEnvironment(names: readonly string[]): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of names) if (process.env[name] !== undefined) env[name] = process.env[name];
  // Else it would start the application once more.
  if (process.versions.electron !== undefined) env.ELECTRON_RUN_AS_NODE = '1';
  return env;
}
