import { constants } from '../layout.js';

/** The HRESULTs of the callback protocol and of a failed MiniDumpWriteDump. */
export const results = constants({
  S_OK: 0,
  S_FALSE: 1,
  E_NOTIMPL: 0x80004001,
  E_FAIL: 0x80004005,
  E_OUTOFMEMORY: 0x8007000e,
  E_INVALIDARG: 0x80070057,
  /** HRESULT_FROM_WIN32(5) */
  ERROR_ACCESS_DENIED: 0x80070005,
  /** HRESULT_FROM_WIN32(299): part of a read failed, which is what a dump of a running process fails with most often. */
  ERROR_PARTIAL_COPY: 0x8007012b,
  /** HRESULT_FROM_WIN32(998) */
  ERROR_NOACCESS: 0x800703e6,
  /** HRESULT_FROM_WIN32(1223): a callback cancelled the dump. */
  ERROR_CANCELLED: 0x800704c7,
});
export const HRESULT = results.values;
