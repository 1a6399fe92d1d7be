/** What one of Microsoft's mangled names says, as a tree; back references make it a graph without cycles. */

/** One piece of a qualified name. */
export interface Identifier {
  is: IdentifierKind;
  /** Template arguments, if it is one's specialisation. */
  args: TemplateArgument[] | undefined;
  /** How it is written with all there is to say, once that was asked for: names are told apart by it. */
  complete: string | undefined;
}

type IdentifierKind =
  | { kind: 'text'; text: string }
  | { kind: 'structor'; destructor: boolean; owner: Identifier | undefined }
  | { kind: 'conversion'; to: Type | undefined }
  /** Something inside of a function: `` `f(void)'::`2' ``. */
  | { kind: 'local'; scope: SymbolNode; number: bigint }
  /** What runs for a variable before `main` or at the exit; old names have no more of it than its name. */
  | {
      kind: 'dynamic';
      destructor: boolean;
      variable: SymbolNode | undefined;
      name: QualifiedName | undefined;
    };

/** From the outermost scope. */
export type QualifiedName = Identifier[];

export interface Qualifiers {
  const?: boolean;
  volatile?: boolean;
  restrict?: boolean;
  unaligned?: boolean;
}

export type Type = { qualifiers: Qualifiers } & (
  | { kind: 'primitive'; name: string }
  | { kind: 'tag'; tag: string; name: QualifiedName }
  /** To `to`, or to its member of the class `owner`. */
  | { kind: 'pointer'; sign: '*' | '&' | '&&'; owner: QualifiedName | undefined; to: Type }
  /** A dimension of 0 is unknown. */
  | { kind: 'array'; dimensions: bigint[]; element: Type }
  | { kind: 'custom'; identifier: Identifier }
  | Signature
);

export interface Signature {
  kind: 'function';
  qualifiers: Qualifiers;
  reference: '' | '&' | '&&';
  convention: string;
  /** Structors have none. */
  result: Type | undefined;
  /** undefined: `(void)`. */
  params: Type[] | undefined;
  variadic: boolean;
  noexcept: boolean;
}

export type TemplateArgument =
  | { kind: 'type'; type: Type }
  | { kind: 'name'; name: QualifiedName }
  | { kind: 'value'; text: string }
  /** `offsets` are those of pointers to members. */
  | { kind: 'symbol'; symbol: SymbolNode | undefined; offsets: bigint[]; address: boolean }
  /** A class, or an array if there is no type. */
  | { kind: 'structure'; type: Type | undefined; members: TemplateArgument[] }
  /** Which member of a union it is. */
  | { kind: 'designated'; member: string; value: TemplateArgument }
  /** A pointer to it. */
  | { kind: 'member'; name: QualifiedName };

/** What a function is apart from its type. */
export interface FunctionClass {
  access: '' | 'private' | 'protected' | 'public';
  global: boolean;
  static: boolean;
  virtual: boolean;
  externC: boolean;
  /** Nothing is said of its type: a C function that has something local. */
  untyped: boolean;
  /** Of thunks: `adjustor{8}`. */
  adjust: string | undefined;
  thunk: boolean;
}

export type SymbolNode =
  | { kind: 'function'; name: QualifiedName; is: FunctionClass; signature: Signature }
  | {
      kind: 'variable';
      name: QualifiedName;
      access: '' | 'private' | 'protected' | 'public';
      type: Type | undefined;
    }
  /** The type is what it is about: `RTTI Type Descriptor`. */
  | { kind: 'type-descriptor'; name: QualifiedName; type: Type }
  | { kind: 'table'; name: QualifiedName; qualifiers: Qualifiers; targets: QualifiedName[] }
  | { kind: 'other'; name: QualifiedName }
  | { kind: 'string'; name: undefined; text: string };

export const identifierOf = (text: string): Identifier => ({
  is: { kind: 'text', text },
  args: undefined,
  complete: undefined,
});
