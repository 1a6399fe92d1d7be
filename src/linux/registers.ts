/** Indices of the words in struct user_regs_struct (sys/user.h). */
export const Reg = {
  R15: 0,
  R14: 1,
  R13: 2,
  R12: 3,
  Rbp: 4,
  Rbx: 5,
  R11: 6,
  R10: 7,
  R9: 8,
  R8: 9,
  Rax: 10,
  Rcx: 11,
  Rdx: 12,
  Rsi: 13,
  Rdi: 14,
  OrigRax: 15,
  Rip: 16,
  Cs: 17,
  Eflags: 18,
  Rsp: 19,
  Ss: 20,
  FsBase: 21,
  GsBase: 22,
  Ds: 23,
  Es: 24,
  Fs: 25,
  Gs: 26,
} as const;

/** Words of user_regs_struct. */
export const REGISTER_COUNT = 27;
