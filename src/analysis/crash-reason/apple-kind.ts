import { hex64 } from './hex.js';

/** A kind of exception whose code and subcode say more: EXC_RESOURCE, EXC_GUARD. */
export interface AppleKind {
  name: string;
  flavors: Readonly<Record<number, string>>;
  detail(code: bigint, subcode: bigint): string;
}

/** `NAME / FLAVOR detail`; the two numbers of a flavor that is not known; undefined for a kind that is not known. */
export function kindText(
  kind: AppleKind | undefined,
  flavor: bigint,
  code: bigint,
  subcode: bigint,
): string | undefined {
  if (kind === undefined) return undefined;
  const name = kind.flavors[Number(flavor)];
  const text = name === undefined ? `${hex64(code)} / ${hex64(subcode)}` : name + kind.detail(code, subcode);
  return `${kind.name} / ${text}`;
}
