/** What stands behind `?`: LLVM's and undname's texts. Those with a grammar of their own are not here. */
const basic: Readonly<Record<string, string>> = {
  2: 'operator new',
  3: 'operator delete',
  4: 'operator=',
  5: 'operator>>',
  6: 'operator<<',
  7: 'operator!',
  8: 'operator==',
  9: 'operator!=',
  A: 'operator[]',
  C: 'operator->',
  D: 'operator*',
  E: 'operator++',
  F: 'operator--',
  G: 'operator-',
  H: 'operator+',
  I: 'operator&',
  J: 'operator->*',
  K: 'operator/',
  L: 'operator%',
  M: 'operator<',
  N: 'operator<=',
  O: 'operator>',
  P: 'operator>=',
  Q: 'operator,',
  R: 'operator()',
  S: 'operator~',
  T: 'operator^',
  U: 'operator|',
  V: 'operator&&',
  W: 'operator||',
  X: 'operator*=',
  Y: 'operator+=',
  Z: 'operator-=',
};

/** Behind `?_`. */
const under: Readonly<Record<string, string>> = {
  0: 'operator/=',
  1: 'operator%=',
  2: 'operator>>=',
  3: 'operator<<=',
  4: 'operator&=',
  5: 'operator|=',
  6: 'operator^=',
  D: "`vbase dtor'",
  E: "`vector deleting dtor'",
  F: "`default ctor closure'",
  G: "`scalar deleting dtor'",
  H: "`vector ctor iterator'",
  I: "`vector dtor iterator'",
  J: "`vector vbase ctor iterator'",
  K: "`virtual displacement map'",
  L: "`eh vector ctor iterator'",
  M: "`eh vector dtor iterator'",
  N: "`eh vector vbase ctor iterator'",
  O: "`copy ctor closure'",
  T: "`local vftable ctor closure'",
  U: 'operator new[]',
  V: 'operator delete[]',
};

/** Behind `?__`. */
const doubleUnder: Readonly<Record<string, string>> = {
  A: "`managed vector ctor iterator'",
  B: "`managed vector dtor iterator'",
  C: "`EH vector copy ctor iterator'",
  D: "`EH vector vbase copy ctor iterator'",
  G: "`vector copy ctor iterator'",
  H: "`vector vbase copy constructor iterator'",
  I: "`managed vector vbase copy constructor iterator'",
  L: 'operator co_await',
  M: 'operator<=>',
};

/** `code` is what is behind `?`, with its underscores. */
export const operatorText = (code: string): string | undefined =>
  code.startsWith('__')
    ? doubleUnder[code.slice(2)]
    : code.startsWith('_')
      ? under[code.slice(1)]
      : basic[code];
