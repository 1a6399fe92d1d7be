import { closeHandle, lastError, type NativePointer, win32 } from '../../node/win32.js';
import { currentProcess } from '../../node/windows-file.js';

const TOKEN_ADJUST_PRIVILEGES = 0x20;
const TOKEN_QUERY = 8;
const SE_PRIVILEGE_ENABLED = 2;

let enabled: boolean | undefined;

/**
 * Switches on SeDebugPrivilege, with which an administrator may open processes of others, for as long as this process runs.
 *
 * @returns whether the user has it
 */
export function enableDebugPrivilege(): boolean {
  enabled ??= enable();
  return enabled;
}

function enable(): boolean {
  const token: NativePointer[] = [null];
  const opened = win32(
    'advapi32',
    'int __stdcall OpenProcessToken(void *process, uint32_t access, _Out_ void **token)',
  )(currentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, token);
  if (!opened) return false;
  try {
    // TOKEN_PRIVILEGES with one LUID_AND_ATTRIBUTES: count, LUID (8 bytes), attributes.
    const luid = new Uint8Array(8);
    const found = win32(
      'advapi32',
      'int __stdcall LookupPrivilegeValueW(str16 system, str16 name, _Out_ void *luid)',
    )(null, 'SeDebugPrivilege', luid);
    if (!found) return false;
    const privileges = new Uint8Array(16);
    const view = new DataView(privileges.buffer);
    view.setUint32(0, 1, true);
    privileges.set(luid, 4);
    view.setUint32(12, SE_PRIVILEGE_ENABLED, true);
    const adjusted = win32(
      'advapi32',
      'int __stdcall AdjustTokenPrivileges(void *token, int disableAll, void *privileges, uint32_t size, void *before, void *length)',
    )(token[0], 0, privileges, 0, null, null);
    // It says TRUE with ERROR_NOT_ALL_ASSIGNED where the user does not have it.
    return Boolean(adjusted) && lastError() === 0;
  } finally {
    closeHandle(token[0]!);
  }
}
