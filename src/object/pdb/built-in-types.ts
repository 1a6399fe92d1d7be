/** Types that have an index without a record, by its lower 8 bits (cvinfo.h, T_…); under the names that MSVC gives them. */
const NAMES: Readonly<Record<number, string>> = {
  3: 'void',
  8: 'HRESULT',
  16: 'signed char',
  17: 'short',
  18: 'long',
  19: '__int64',
  20: '__int128',
  32: 'unsigned char',
  33: 'unsigned short',
  34: 'unsigned long',
  35: 'unsigned __int64',
  36: 'unsigned __int128',
  48: 'bool',
  49: '__bool16',
  50: '__bool32',
  51: '__bool64',
  64: 'float',
  65: 'double',
  66: 'long double',
  67: '__float128',
  70: '_Float16',
  80: '_Complex float',
  81: '_Complex double',
  82: '_Complex long double',
  104: 'signed char',
  105: 'unsigned char',
  112: 'char',
  113: 'wchar_t',
  114: 'short',
  115: 'unsigned short',
  116: 'int',
  117: 'unsigned int',
  118: '__int64',
  119: 'unsigned __int64',
  120: '__int128',
  121: 'unsigned __int128',
  122: 'char16_t',
  123: 'char32_t',
  124: 'char8_t',
};

/** T_VOID as a pointer of 0 bytes stands for std::nullptr_t. */
const NULLPTR = 0x103;

export function builtInTypeName(index: number): string {
  if (index === NULLPTR) return 'std::nullptr_t';
  const name = NAMES[index & 0xff] ?? '?';
  // Bits 8 to 11 are the mode of a pointer to it: near, far, 32 or 64 bits.
  return (index & 0xf00) === 0 ? name : `${name}*`;
}
