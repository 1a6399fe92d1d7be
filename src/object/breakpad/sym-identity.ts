/** What the MODULE record and INFO CODE_ID of a .sym file say. */
export interface SymIdentity {
  /** `Linux`, `windows`, `mac` … */
  readonly os: string;
  /** `x86_64`, `x86`, `arm64`, `arm` … */
  readonly cpu: string;
  /** As a dump has it: 32 upper-case hexadecimal digits and the age. */
  readonly debugIdentifier: string;
  /** As dump_syms writes it: upper-case digits. */
  readonly codeIdentifier?: string | undefined;
  /** The name of the program behind it, without a folder: of Windows, where the module is called by its PDB. */
  readonly codeFile?: string | undefined;
  /** The name of the debug file, without a folder. */
  readonly name: string;
}
