import { struct, u16, u32, u64 } from '../layout.js';
import { MINIDUMP_LOCATION_DESCRIPTOR } from '../structures/file.js';
import { GUID } from '../structures/guid.js';

/** The stream. Old Crashpads end it after module_list (52 bytes, seen in simple-crashpad.dmp of rust-minidump). */
export const MinidumpCrashpadInfo = struct('MinidumpCrashpadInfo', {
  /** 1 */
  version: u32,
  report_id: GUID,
  client_id: GUID,
  /** A MinidumpSimpleStringDictionary */
  simple_annotations: MINIDUMP_LOCATION_DESCRIPTOR,
  /** A MinidumpModuleCrashpadInfoList */
  module_list: MINIDUMP_LOCATION_DESCRIPTOR,
  reserved: u32,
  /** The bits of a pointer that are its address (the others are tags), or 0 if that is not known. */
  address_mask: u64,
});

/** The part of MinidumpCrashpadInfo that every version has. */
export const CRASHPAD_INFO_LEAST_SIZE = 52;

/** The head of a list of entries. */
export const MinidumpSimpleStringDictionary = struct('MinidumpSimpleStringDictionary', { count: u32 });
export const MinidumpSimpleStringDictionaryEntry = struct('MinidumpSimpleStringDictionaryEntry', {
  /** Both are RVAs of a MinidumpUTF8String. */
  key: u32,
  value: u32,
});

/** The head of a list of links. */
export const MinidumpModuleCrashpadInfoList = struct('MinidumpModuleCrashpadInfoList', { count: u32 });
export const MinidumpModuleCrashpadInfoLink = struct('MinidumpModuleCrashpadInfoLink', {
  /** Index into the module list of the dump */
  minidump_module_list_index: u32,
  /** A MinidumpModuleCrashpadInfo */
  location: MINIDUMP_LOCATION_DESCRIPTOR,
});

export const MinidumpModuleCrashpadInfo = struct('MinidumpModuleCrashpadInfo', {
  /** 1 */
  version: u32,
  /** A MinidumpRVAList of MinidumpUTF8String: texts without a name */
  list_annotations: MINIDUMP_LOCATION_DESCRIPTOR,
  /** A MinidumpSimpleStringDictionary */
  simple_annotations: MINIDUMP_LOCATION_DESCRIPTOR,
  /** A MinidumpAnnotationList */
  annotation_objects: MINIDUMP_LOCATION_DESCRIPTOR,
});

/** The head of a list of RVAs. */
export const MinidumpRVAList = struct('MinidumpRVAList', { count: u32 });

/** The head of a list of MinidumpAnnotation. */
export const MinidumpAnnotationList = struct('MinidumpAnnotationList', { count: u32 });
export const MinidumpAnnotation = struct('MinidumpAnnotation', {
  /** Of a MinidumpUTF8String */
  name: u32,
  /** 1: a text; others are the program's own */
  type: u16,
  reserved: u16,
  /** Of a MinidumpByteArray */
  value: u32,
});

/** `type` of an annotation whose value is a text, in UTF-8. */
export const CRASHPAD_ANNOTATION_STRING = 1;

/** The head of a text: UTF-8 and a NUL follow. `Length`, in bytes, does not count the NUL. */
export const MinidumpUTF8String = struct('MinidumpUTF8String', { Length: u32 });

/** The head of an array of bytes. */
export const MinidumpByteArray = struct('MinidumpByteArray', { length: u32 });
