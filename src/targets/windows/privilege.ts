import { openOwnToken, TOKEN_ADJUST_PRIVILEGES, TOKEN_QUERY } from '../../node/own-token.js';
import { closeHandle, isInvalidHandle, lastError, type NativePointer, win32 } from '../../node/win32.js';

const SE_PRIVILEGE_ENABLED = 2;

const ERROR_ACCESS_DENIED = 5;

let enabled: boolean | undefined;

/**
 * Opens something of another process; where that is denied once more, with SeDebugPrivilege. An administrator may then open what belongs to
 * others. It stays switched on for as long as this process runs.
 *
 * @param open OpenProcess or its like
 * @returns `error`: why there is no handle, as GetLastError gave it
 */
export function withDebugPrivilege(open: () => NativePointer): { handle: NativePointer; error: number } {
  const attempt = () => {
    const handle = open();
    return { handle, error: isInvalidHandle(handle) ? lastError() : 0 };
  };
  const first = attempt();
  if (first.error !== ERROR_ACCESS_DENIED) return first;
  enabled ??= enable();
  return enabled ? attempt() : first;
}

/** Whether the user has the privilege. */
function enable(): boolean {
  const token = openOwnToken(TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY);
  if (token === null) return false;
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
    )(token, 0, privileges, 0, null, null);
    // It says TRUE with ERROR_NOT_ALL_ASSIGNED where the user does not have it.
    return Boolean(adjusted) && lastError() === 0;
  } finally {
    closeHandle(token);
  }
}
