import { struct, u32, type ValueOf } from '../layout.js';

/** dwSignature of a VS_FIXEDFILEINFO that means something. */
export const VS_FFI_SIGNATURE = 0xfeef04bd;

/** The version of a module, from its version resource. Of a module without one all is zero. */
export const VS_FIXEDFILEINFO = struct('VS_FIXEDFILEINFO', {
  dwSignature: u32,
  dwStrucVersion: u32,
  dwFileVersionMS: u32,
  dwFileVersionLS: u32,
  dwProductVersionMS: u32,
  dwProductVersionLS: u32,
  dwFileFlagsMask: u32,
  dwFileFlags: u32,
  dwFileOS: u32,
  dwFileType: u32,
  dwFileSubtype: u32,
  dwFileDateMS: u32,
  dwFileDateLS: u32,
});
export type VS_FIXEDFILEINFO = ValueOf<typeof VS_FIXEDFILEINFO>;

/** The file version as people write it, `5.1.2600.2180`; nothing where the structure is not filled in. */
export function fileVersion(info: VS_FIXEDFILEINFO): string | undefined {
  if (info.dwSignature !== VS_FFI_SIGNATURE) return undefined;
  const { dwFileVersionMS: high, dwFileVersionLS: low } = info;
  return [high >>> 16, high & 0xffff, low >>> 16, low & 0xffff].join('.');
}
