import {
  checkLength,
  linkMapSize,
  MDRawDebug32,
  MDRawDebug64,
  MDRawLinkMap32,
  MDRawLinkMap64,
  MINIDUMP_LOCATION_DESCRIPTOR,
  MINIDUMP_MAC_BOOTARGS,
  MINIDUMP_MAC_CRASH_INFO,
  MINIDUMP_SYSTEM_INFO,
} from '../../../format/index.js';
import { link, linkLocation } from '../pieces.js';
import type { Relocate } from './context.js';
import { linkNames } from './modules.js';
import { viewOf } from './table.js';

export const relocateSystemInfo: Relocate = function* (stream, { dump, pieces }) {
  checkLength('SystemInfo', stream.bytes, MINIDUMP_SYSTEM_INFO.size);
  const { CSDVersionRva } = MINIDUMP_SYSTEM_INFO.decode(stream.bytes, 0, dump.littleEndian);
  stream.bytes = stream.bytes.slice();
  if (CSDVersionRva === 0) return;
  const [version] = yield* pieces.strings('CSDVersion', [CSDVersionRva]);
  link(stream, MINIDUMP_SYSTEM_INFO.offsetOf('CSDVersionRva'), 4, version);
};

/** Breakpad's MDRawDebug: an array of link_map, which points to names. */
export const relocateDsoDebug: Relocate = function* (stream, context) {
  const { dump, pieces, pointerSize } = context;
  const { littleEndian } = dump;
  const layout = pointerSize === 8 ? MDRawDebug64 : MDRawDebug32;
  checkLength('LinuxDsoDebug', stream.bytes, layout.size);
  const { map, dso_count } = layout.decode(stream.bytes, 0, littleEndian);
  const stride = linkMapSize(pointerSize);
  const [maps] = yield* pieces.take('link map', [{ rva: map, size: dso_count * stride }], 8);
  stream.bytes = stream.bytes.slice();
  link(stream, layout.offsetOf('map'), 4, maps);
  if (maps === undefined) {
    viewOf(stream.bytes).setUint32(layout.offsetOf('dso_count'), 0, littleEndian);
    return;
  }
  if (maps.linked) return;
  maps.linked = true;
  const nameAt = (pointerSize === 8 ? MDRawLinkMap64 : MDRawLinkMap32).offsetOf('name');
  const places = Array.from({ length: dso_count }, (_, i) => i * stride + nameAt);
  yield* linkNames(maps, places, context, 'name of a linked object');
};

export const relocateMacCrashInfo: Relocate = function* (stream, { dump, pieces }) {
  checkLength('MozMacosCrashInfo', stream.bytes, MINIDUMP_MAC_CRASH_INFO.size);
  const { records, record_count } = MINIDUMP_MAC_CRASH_INFO.decode(stream.bytes, 0, dump.littleEndian);
  const found = yield* pieces.take(
    'record of MozMacosCrashInfo',
    records.map(({ Rva, DataSize }, i) => ({ rva: Rva, size: i < record_count ? DataSize : 0 })),
    8,
    0,
  );
  stream.bytes = stream.bytes.slice();
  const first = MINIDUMP_MAC_CRASH_INFO.offsetOf('records');
  found.forEach((record, i) => {
    linkLocation(stream, first + i * MINIDUMP_LOCATION_DESCRIPTOR.size, record);
  });
};

export const relocateMacBootArgs: Relocate = function* (stream, { dump, pieces }) {
  checkLength('MozMacosBootargs', stream.bytes, MINIDUMP_MAC_BOOTARGS.size);
  const { bootargs } = MINIDUMP_MAC_BOOTARGS.decode(stream.bytes, 0, dump.littleEndian);
  const [text] = yield* pieces.strings('boot arguments', [Number(bootargs)]);
  stream.bytes = stream.bytes.slice();
  link(stream, MINIDUMP_MAC_BOOTARGS.offsetOf('bootargs'), 8, text);
};
