import { type InputOf, struct, u32, u64, type ValueOf } from '../layout.js';
import { checkLength, decodeElements, encodeListWithHead } from './list.js';

export const MINIDUMP_HANDLE_DATA_STREAM = struct('MINIDUMP_HANDLE_DATA_STREAM', {
  SizeOfHeader: u32,
  /** 32 or 40: whether the descriptors are of the first or the second kind */
  SizeOfDescriptor: u32,
  NumberOfDescriptors: u32,
  Reserved: u32,
});

const descriptorFields = {
  /** Windows: the HANDLE. Linux (minidump-writer): the file descriptor. */
  Handle: u64,
  /** Of a MINIDUMP_STRING, or 0 */
  TypeNameRva: u32,
  /** Of a MINIDUMP_STRING, or 0 */
  ObjectNameRva: u32,
  Attributes: u32,
  GrantedAccess: u32,
  HandleCount: u32,
  PointerCount: u32,
};

export const MINIDUMP_HANDLE_DESCRIPTOR = struct('MINIDUMP_HANDLE_DESCRIPTOR', descriptorFields);

export const MINIDUMP_HANDLE_DESCRIPTOR_2 = struct('MINIDUMP_HANDLE_DESCRIPTOR_2', {
  ...descriptorFields,
  /** Of the first MINIDUMP_HANDLE_OBJECT_INFORMATION, or 0 */
  ObjectInfoRva: u32,
  Reserved0: u32,
});

/** What is known of the object behind a handle: a chain. SizeOfInfo bytes of undocumented data follow each. */
export const MINIDUMP_HANDLE_OBJECT_INFORMATION = struct('MINIDUMP_HANDLE_OBJECT_INFORMATION', {
  /** Of the next, or 0 */
  NextInfoRva: u32,
  /** MINIDUMP_HANDLE_OBJECT_INFORMATION_TYPE */
  InfoType: u32,
  SizeOfInfo: u32,
});

export type HandleDescriptor = ValueOf<typeof MINIDUMP_HANDLE_DESCRIPTOR> &
  Partial<ValueOf<typeof MINIDUMP_HANDLE_DESCRIPTOR_2>>;

export function decodeHandleData(bytes: Uint8Array, littleEndian = true): HandleDescriptor[] {
  checkLength('HandleData', bytes, MINIDUMP_HANDLE_DATA_STREAM.size);
  const head = MINIDUMP_HANDLE_DATA_STREAM.decode(bytes, 0, littleEndian);
  const descriptor =
    head.SizeOfDescriptor >= MINIDUMP_HANDLE_DESCRIPTOR_2.size
      ? MINIDUMP_HANDLE_DESCRIPTOR_2
      : MINIDUMP_HANDLE_DESCRIPTOR;
  return decodeElements<HandleDescriptor, never>(
    'HandleData',
    descriptor,
    bytes,
    head.SizeOfHeader,
    head.NumberOfDescriptors,
    head.SizeOfDescriptor,
    littleEndian,
  );
}

export function encodeHandleData(
  handles: readonly InputOf<typeof MINIDUMP_HANDLE_DESCRIPTOR_2>[],
): Uint8Array {
  const head = MINIDUMP_HANDLE_DATA_STREAM.encode({
    SizeOfHeader: MINIDUMP_HANDLE_DATA_STREAM.size,
    SizeOfDescriptor: MINIDUMP_HANDLE_DESCRIPTOR_2.size,
    NumberOfDescriptors: handles.length,
  });
  return encodeListWithHead(head, MINIDUMP_HANDLE_DESCRIPTOR_2, handles);
}
