/** What a mangled name says, as a tree. Substitutions make it a graph without cycles, save for forward references. */
export type Node =
  | { kind: 'name'; text: string }
  /** `Si`, `Ss` …: `short` as a type, and all of it where a constructor has to be named. */
  | { kind: 'standard'; short: string; base: string; full: string }
  | { kind: 'nested'; scope: Node; name: Node }
  | { kind: 'local'; scope: Node; name: Node }
  | { kind: 'templated'; base: Node; args: Node }
  | { kind: 'args'; list: Node[] }
  | { kind: 'tagged'; base: Node; tag: string }
  | { kind: 'structor'; owner: Node; destructor: boolean }
  | { kind: 'conversion'; type: Node }
  | { kind: 'unnamed'; number: number }
  | {
      kind: 'lambda';
      declared: Node[];
      params: Node[];
      constraints: (Node | undefined)[];
      number: number;
    }
  | Encoding
  // types
  | { kind: 'pointer'; to: Node }
  | { kind: 'reference'; to: Node; rvalue: boolean }
  | { kind: 'member-pointer'; owner: Node; member: Node }
  | { kind: 'array'; element: Node; dimension: Node | undefined }
  | { kind: 'function'; result: Node; params: Node[]; suffix: string; exceptions: Node | undefined }
  | { kind: 'qualified'; child: Node; qualifiers: string | Node }
  | { kind: 'declaration'; type: Node; name: Node }
  | { kind: 'objc-protocol'; object: Node; protocol: string }
  // templates
  /** The values of a parameter pack: an expansion prints one after the other. */
  | { kind: 'pack'; values: Node[] }
  | { kind: 'list'; values: Node[] }
  | { kind: 'expansion'; child: Node }
  /** A template parameter named before its template arguments: in the type of a conversion operator. */
  | { kind: 'forward'; index: number; target: Node | undefined }
  /**
   * A template parameter of a lambda: `$T`, or `auto` where it was not declared. g++ makes no difference between it and the
   * template parameter of the same number outside: a substitution of one may stand for the other.
   */
  | { kind: 'lambda-param'; index: number; name: string }
  // expressions
  | { kind: 'text'; parts: (string | Node)[]; precedence: number }
  | { kind: 'operand'; child: Node; than: number; orEqual: boolean }
  /** Between brackets, where `>` is an operator again. */
  | { kind: 'enclosed'; open: string; list: Node[]; close: string }
  /** `>` or `>>`, which would end template arguments. */
  | { kind: 'greater'; child: Node };

export interface Encoding {
  kind: 'encoding';
  result: Node | undefined;
  name: Node;
  params: Node[];
  /** The values of the template parameters `T_`, `T0_` …. */
  templateParams: readonly (Node | undefined)[];
  /** cv- and ref-qualifiers as they are printed after the parameters. */
  suffix: string;
  attributes: Node | undefined;
  constraint: Node | undefined;
  /** The first parameter is an explicit object parameter: `this T`. */
  explicitObject: boolean;
}

/** How tightly an expression binds, from the tightest. */
export const Precedence = {
  primary: 0,
  postfix: 1,
  unary: 2,
  cast: 3,
  memberPointer: 4,
  multiplicative: 5,
  additive: 6,
  shift: 7,
  spaceship: 8,
  relational: 9,
  equality: 10,
  and: 11,
  xor: 12,
  or: 13,
  logicalAnd: 14,
  logicalOr: 15,
  conditional: 16,
  assign: 17,
  comma: 18,
  lowest: 19,
} as const;

export const nameOf = (text: string): Node => ({ kind: 'name', text });

export const textOf = (parts: (string | Node)[], precedence: number = Precedence.primary): Node => ({
  kind: 'text',
  parts,
  precedence,
});

/** Parenthesised where it binds less than `than`, or as little and `orEqual`. */
export const operand = (child: Node, than: number, orEqual: boolean): Node => ({
  kind: 'operand',
  child,
  than,
  orEqual,
});

export const inParentheses = (list: Node[]): Node => ({ kind: 'enclosed', open: '(', list, close: ')' });
