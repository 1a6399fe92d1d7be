import { MinidumpError } from '../../io/index.js';
import { array, constants, i32, struct, u8, u32, type ValueOf } from '../layout.js';
import { GUID } from './guid.js';
import { decodeUtf16 } from './string.js';

/** The first four bytes of a CodeView record. */
export const codeViewSignatures = constants({
  /** PDB 2.0, other revisions of it (Breakpad's headers name them) */
  NB09: 0x3930424e,
  NB10: 0x3031424e,
  NB11: 0x3131424e,
  /** PDB 7.0 */
  RSDS: 0x53445352,
  /** An ELF build id; Breakpad invented it. In the file the bytes are `LEpB`. */
  BpEL: 0x4270454c,
});
export const CodeViewSignature = codeViewSignatures.values;

/** The start of a PDB 7.0 record; the path of the PDB follows, UTF-8 with a NUL. */
export const CV_INFO_PDB70 = struct('CV_INFO_PDB70', {
  CvSignature: u32,
  Signature: GUID,
  Age: u32,
});

/** The start of a PDB 2.0 record; the path of the PDB follows, with a NUL. */
export const CV_INFO_PDB20 = struct('CV_INFO_PDB20', {
  CvSignature: u32,
  Offset: i32,
  /** Time stamp of the PDB: seconds since 1970. */
  Signature: u32,
  Age: u32,
});

/** The start of a build-id record; the bytes of the build id follow up to the end of the record. */
export const MDCVInfoELF = struct('MDCVInfoELF', {
  cv_signature: u32,
});

/** The start of a MiscRecord (IMAGE_DEBUG_MISC): the name of a .DBG file follows. Long out of use. */
export const IMAGE_DEBUG_MISC = struct('IMAGE_DEBUG_MISC', {
  /** 1 is the name of an executable. */
  DataType: u32,
  /** Of the whole record, in bytes. */
  Length: u32,
  Unicode: u8,
  Reserved: array(u8, 3),
});

export type CodeView =
  | (ValueOf<typeof CV_INFO_PDB70> & { kind: 'pdb70'; PdbFileName: string })
  | (ValueOf<typeof CV_INFO_PDB20> & { kind: 'pdb20'; PdbFileName: string })
  | { kind: 'elf'; buildId: Uint8Array }
  | { kind: 'unknown'; bytes: Uint8Array };

/** Up to the first NUL. PDB 7.0 says UTF-8, PDB 2.0 the system's code page; other bytes than ASCII are rare in either. */
function pathText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** Tells what a CodeView record is and takes it apart. */
export function decodeCodeView(bytes: Uint8Array, littleEndian = true): CodeView {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const signature = bytes.length >= 4 ? view.getUint32(0, littleEndian) : 0;
  switch (signature) {
    case CodeViewSignature.RSDS:
      checkSize('PDB 7.0', bytes, CV_INFO_PDB70.size);
      return {
        kind: 'pdb70',
        ...CV_INFO_PDB70.decode(bytes, 0, littleEndian),
        PdbFileName: pathText(bytes.subarray(CV_INFO_PDB70.size)),
      };
    case CodeViewSignature.NB10:
      checkSize('PDB 2.0', bytes, CV_INFO_PDB20.size);
      return {
        kind: 'pdb20',
        ...CV_INFO_PDB20.decode(bytes, 0, littleEndian),
        PdbFileName: pathText(bytes.subarray(CV_INFO_PDB20.size)),
      };
    case CodeViewSignature.BpEL:
      return { kind: 'elf', buildId: bytes.slice(MDCVInfoELF.size) };
    default:
      return { kind: 'unknown', bytes: bytes.slice() };
  }
}

function checkSize(what: string, bytes: Uint8Array, least: number): void {
  if (bytes.length >= least) return;
  throw new MinidumpError('malformed', `a CodeView record (${what}) is too short`, {
    expected: `${least} bytes or more`,
    found: `${bytes.length} bytes`,
  });
}

/** A CodeView record that holds a build id. */
export function encodeBuildId(buildId: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(MDCVInfoELF.size + buildId.length);
  new DataView(bytes.buffer).setUint32(0, CodeViewSignature.BpEL, true);
  bytes.set(buildId, MDCVInfoELF.size);
  return bytes;
}

/** The file name in a MiscRecord. */
export function decodeDebugMisc(bytes: Uint8Array, littleEndian = true): string {
  checkSize('IMAGE_DEBUG_MISC', bytes, IMAGE_DEBUG_MISC.size);
  const { Unicode } = IMAGE_DEBUG_MISC.decode(bytes, 0, littleEndian);
  const data = bytes.subarray(IMAGE_DEBUG_MISC.size);
  return Unicode ? decodeUtf16(data, littleEndian).split('\0', 1)[0]! : pathText(data);
}
