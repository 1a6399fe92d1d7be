// Writes src/analysis/crash-reason/{ntstatus,win-errors}.ts: what Windows calls its status and error values.
//
//   node scripts/windows-names.js WINDOWS-SYS MINIDUMP-COMMON
//
// The folders of two unpacked crates: windows-sys 0.61.2, which is made of the metadata of Microsoft's headers, and minidump-common
// 0.27.0, which lists what ntstatus.h and winerror.h of the Windows SDK 10.0.26100 have; where the two differ about a value the
// SDK counts: it has names that are newer, and values that were moved before the release. Only names and numbers are taken.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [windowsSys, minidumpCommon] = process.argv.slice(2);
if (!minidumpCommon) throw new Error('usage: node scripts/windows-names.js WINDOWS-SYS MINIDUMP-COMMON');

/** Of several names of a value, the one in the header of the SDK; the others are aliases of other headers. */
const aliases = new Set(['RPC_X_INVALID_PIPE_OPERATION', 'RPC_X_ENUM_VALUE_TOO_LARGE']);

const kinds = [
  {
    file: 'ntstatus',
    constant: 'NT_STATUS_NAMES',
    prefix: 'STATUS_',
    list: 'NtStatusWindows',
    // STATUS_SEVERITY_* are a part of a value; IO_*, MCA_* and VOLMGR_* are of other headers: the event log's.
    wanted: (name, type) =>
      /^(STATUS_(?!SEVERITY_)|DBG_|RPC_NT_|EPT_NT_)/.test(name) && /NTSTATUS$/.test(type),
  },
  {
    file: 'win-errors',
    constant: 'WIN_ERROR_NAMES',
    prefix: 'ERROR_',
    list: 'WinErrorWindows',
    // 900 to 956 are errors of the router's own (mprerror.h).
    wanted: (name, type, value) =>
      /^(ERROR_|RPC_[ESX]_)/.test(name) &&
      /^(WIN32_ERROR|.*RPC_STATUS|i32|u32)$/.test(type) &&
      value <= 0xffff &&
      !(value >= 900 && value <= 956) &&
      !aliases.has(name),
  },
];

const rust = readFileSync(join(minidumpCommon, 'src/errors/windows.rs'), 'utf8');
const modules = ['Foundation', 'System/Rpc', 'Security', 'Security/Authentication/Identity'];
const all = readdirSync(join(windowsSys, 'src/Windows/Win32'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('mod.rs') && modules.some((module) => name === join(module, 'mod.rs')))
  .map((name) => readFileSync(join(windowsSys, 'src/Windows/Win32', name), 'utf8'))
  .join('\n');

for (const { file, constant, prefix, list, wanted } of kinds) {
  const sdk = new Map();
  const body = rust.slice(rust.indexOf(`pub enum ${list} `)).split('\n}\n', 1)[0];
  for (const [, name, value] of body.matchAll(/^ {4}(\w+) = (\w+?)(?:u32)?,/gm)) sdk.set(Number(value), name);
  const named = new Set(sdk.values());

  const names = new Map();
  for (const [, name, type, text] of all.matchAll(
    /pub const (\w+): ([\w:]+) = (0x[0-9A-Fa-f]+|\d+)(?:_?[ui]32)?(?: as _)?;/g,
  )) {
    const value = Number(text);
    // The metadata is in the order of the alphabet; STATUS_SUCCESS is before STATUS_WAIT_0, STATUS_PENDING alone.
    if (wanted(name, type, value) && !names.has(value) && !named.has(name)) names.set(value, name);
  }
  for (const [value, name] of sdk) names.set(value, name);

  const lines = [];
  let line = '';
  let next = -1;
  for (const [value, name] of [...names].sort(([a], [b]) => a - b)) {
    const short = name.startsWith(prefix) ? name.slice(prefix.length) : `=${name}`;
    if (value === next && line.length + short.length < 110) line += ` ${short}`;
    else {
      if (line) lines.push(line);
      line = `${value.toString(16)} ${short}`;
    }
    next = value + 1;
  }
  lines.push(line);
  writeFileSync(
    join('src/analysis/crash-reason', `${file}.ts`),
    `/**
 * ${names.size} values and their names: facts of Microsoft's headers, by way of the crates windows-sys 0.61.2 and
 * minidump-common 0.27.0 (the names that the Windows SDK 10.0.26100 adds). Made by scripts/windows-names.js, which has the
 * rule for values with several names. A line is a value in hexadecimal and the names of that value and the ones after it;
 * a name without ${prefix} stands behind a =.
 */
export const ${constant} = {
  prefix: '${prefix}',
  lines: \`
${lines.join('\n')}
\`,
};
`,
  );
  console.log(`${file}: ${names.size} names`);
}
