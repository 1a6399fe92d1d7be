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

/** The order in which a signal frame has them: struct sigcontext, which is gregs of ucontext_t (sys/ucontext.h). */
export const SIGCONTEXT_ORDER: readonly number[] = [
  Reg.R8,
  Reg.R9,
  Reg.R10,
  Reg.R11,
  Reg.R12,
  Reg.R13,
  Reg.R14,
  Reg.R15,
  Reg.Rdi,
  Reg.Rsi,
  Reg.Rbp,
  Reg.Rbx,
  Reg.Rdx,
  Reg.Rax,
  Reg.Rcx,
  Reg.Rsp,
  Reg.Rip,
  Reg.Eflags,
];

/** What cs holds in 64-bit code, and in 32-bit code on a 64-bit kernel. */
export const CS_64_BIT = 0x33n;
export const CS_32_BIT = 0x23n;
