import { resolve, toNamespacedPath } from 'node:path';
import { MinidumpError } from '../io/index.js';
import { loadKoffi } from './libc.js';
import { openOwnToken, TOKEN_QUERY } from './own-token.js';
import { closeHandle, exported, isInvalidHandle, lastError, type NativePointer, win32 } from './win32.js';

const GENERIC_READ = 0x8000_0000;
const GENERIC_WRITE = 0x4000_0000;
const DELETE = 0x0001_0000;
const FILE_SHARE_ALL = 7;
const CREATE_NEW = 1;
const FILE_ATTRIBUTE_NORMAL = 0x80;
const FILE_ATTRIBUTE_TEMPORARY = 0x100;
const FILE_FLAG_OPEN_REPARSE_POINT = 0x0020_0000;
const FILE_FLAG_DELETE_ON_CLOSE = 0x0400_0000;

const FILE_ALL_ACCESS = 0x001f_01ff;
const TokenUser = 1;

/** Win32 codes of CreateFileW, as Node names what fails for its own functions. */
const CODES: Readonly<Record<number, string>> = {
  2: 'ENOENT',
  3: 'ENOENT',
  5: 'EACCES',
  19: 'EROFS',
  32: 'EBUSY',
  39: 'ENOSPC',
  80: 'EEXIST',
  112: 'ENOSPC',
  123: 'ENOENT',
  183: 'EEXIST',
  267: 'ENOTDIR',
};

/**
 * Makes a file that was not there and gives its descriptor, open for reading and writing. Only this user may open it (a DACL with his
 * entry alone, which inherits nothing), where the file system keeps such lists; no link is followed.
 *
 * @param temporary it has gone when it is closed, however this process ends
 * @throws an Error with `code` (EEXIST, ENOENT, EACCES …), as node:fs does
 */
export function createPrivateFile(path: string, temporary = false): number {
  const descriptor = ownerOnly();
  const attributes = securityAttributes(descriptor);
  const flags = temporary ? FILE_FLAG_DELETE_ON_CLOSE | FILE_ATTRIBUTE_TEMPORARY : FILE_ATTRIBUTE_NORMAL;
  const handle: NativePointer = win32(
    'kernel32',
    'void * __stdcall CreateFileW(str16 name, uint32_t access, uint32_t share, void *security, uint32_t disposition, uint32_t flags, void *like)',
  )(
    toNamespacedPath(resolve(path)),
    GENERIC_READ + GENERIC_WRITE + DELETE,
    FILE_SHARE_ALL,
    attributes,
    CREATE_NEW,
    flags | FILE_FLAG_OPEN_REPARSE_POINT,
    null,
  );
  if (isInvalidHandle(handle)) {
    const error = lastError();
    const code = CODES[error] ?? 'UNKNOWN';
    throw Object.assign(new Error(`CreateFileW: ${code}, error ${error}`), { code, descriptor });
  }
  const fd: number = exported('int uv_open_osfhandle(void *handle)')(handle);
  if (fd < 0) {
    closeHandle(handle);
    throw Object.assign(new Error('no file descriptor is left'), { code: 'EMFILE' });
  }
  return fd;
}

/** The handle that a file descriptor of Node stands for; it stays the descriptor's. */
export function handleOf(fd: number): bigint {
  const handle: NativePointer = exported('void *uv_get_osfhandle(int fd)')(fd);
  if (handle === null || isInvalidHandle(handle)) {
    throw new MinidumpError('invalid-argument', `there is no open file descriptor ${fd}`);
  }
  return handle;
}

/** Whether this is Windows, with koffi and a program that exports libuv's functions. */
export function canCreatePrivateFile(): boolean {
  if (process.platform !== 'win32') return false;
  try {
    exported('int uv_open_osfhandle(void *handle)');
    return true;
  } catch {
    return false;
  }
}

let owner: Uint8Array | undefined;

/**
 * A SECURITY_DESCRIPTOR (self-relative, winnt.h) with one entry: this user, FILE_ALL_ACCESS. As with the mode 0600 there are those whom
 * nothing keeps out: administrators may take a file over.
 */
function ownerOnly(): Uint8Array {
  owner ??= userSid();
  const user = owner;
  const HEADER = 20;
  const ace = 8 + user.length;
  const acl = 8 + ace;
  const bytes = new Uint8Array(new ArrayBuffer(HEADER + acl));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 1);
  // SE_DACL_PRESENT, SE_DACL_PROTECTED, SE_SELF_RELATIVE
  view.setUint16(2, 0x0004 | 0x1000 | 0x8000, true);
  view.setUint32(16, HEADER, true);
  view.setUint8(HEADER, 2);
  view.setUint16(HEADER + 2, acl, true);
  view.setUint16(HEADER + 4, 1, true);
  view.setUint16(HEADER + 8 + 2, ace, true);
  view.setUint32(HEADER + 8 + 4, FILE_ALL_ACCESS, true);
  bytes.set(user, HEADER + 16);
  return bytes;
}

/** SECURITY_ATTRIBUTES */
function securityAttributes(descriptor: Uint8Array): Uint8Array {
  const wide = process.arch !== 'ia32';
  const bytes = new Uint8Array(new ArrayBuffer(wide ? 24 : 12));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  const address = loadKoffi().address(descriptor);
  if (wide) view.setBigUint64(8, address, true);
  else view.setUint32(4, Number(address), true);
  return bytes;
}

/** The SID that this process runs as. */
function userSid(): Uint8Array {
  const token = openOwnToken(TOKEN_QUERY);
  if (token === null) throw failed('OpenProcessToken');
  try {
    // TOKEN_USER: a pointer to the SID, which lies behind it in the same buffer.
    const buffer = new Uint8Array(new ArrayBuffer(256));
    const length = [0];
    const got = win32(
      'advapi32',
      'int __stdcall GetTokenInformation(void *token, int kind, _Out_ void *buffer, uint32_t size, _Out_ uint32_t *length)',
    )(token, TokenUser, buffer, buffer.length, length);
    if (!got) throw failed('GetTokenInformation');
    const view = new DataView(buffer.buffer);
    const address = process.arch === 'ia32' ? BigInt(view.getUint32(0, true)) : view.getBigUint64(0, true);
    const at = Number(address - loadKoffi().address(buffer));
    const subAuthorities = buffer[at + 1];
    if (!(at > 0) || subAuthorities === undefined) throw failed('GetTokenInformation');
    return buffer.slice(at, at + 8 + 4 * subAuthorities);
  } finally {
    closeHandle(token);
  }
}

function failed(what: string): MinidumpError {
  return new MinidumpError('system-call', `${what} failed with error ${lastError()}`);
}
