import { encodeHandleData, encodeMemoryInfoList, encodeTokens, MINIDUMP_TYPE } from '../../format/index.js';
import { hasFlag } from '../dump-type.js';
import type { Image, Location } from '../image.js';
import { withFreeRegions } from '../regions.js';
import type { TargetHandle, TargetRegion } from '../target.js';
import { fileName, filtersPaths, type StreamContext } from './context.js';

/** MiniDumpFilterTriage leaves the names of objects out; they are paths and addresses. */
export function handleData(image: Image, context: StreamContext, list: readonly TargetHandle[]): Location {
  const nameless = hasFlag(context.selection.type, MINIDUMP_TYPE.MiniDumpFilterTriage);
  const name = (text: string) => (filtersPaths(context) && text.startsWith('/') ? fileName(text) : text);
  const handles = list.map((handle) => ({
    Handle: handle.handle,
    TypeNameRva: image.string(handle.typeName),
    ObjectNameRva: nameless || handle.objectName === '' ? 0 : image.string(name(handle.objectName)),
    Attributes: handle.attributes,
    GrantedAccess: handle.grantedAccess,
    HandleCount: handle.handleCount,
    PointerCount: handle.pointerCount,
  }));
  return image.place(encodeHandleData(handles));
}

export function tokens(image: Image, context: StreamContext): Location {
  return image.place(
    encodeTokens(context.tokens.map(({ id, handle, data }) => ({ TokenId: id, TokenHandle: handle, data }))),
  );
}

export function memoryInfoList(
  image: Image,
  { target }: StreamContext,
  regions: readonly TargetRegion[],
): Location {
  return image.place(encodeMemoryInfoList([...withFreeRegions(target, regions)]));
}
