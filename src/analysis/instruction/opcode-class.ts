/** What kinds of crash an instruction can cause, as far as rust-minidump's tables go. */
export interface OpcodeClass {
  /** Its accesses are known with their types, so that one which is missing means something. */
  accessesDerivable: boolean;
  intDivision: boolean;
  privileged: boolean;
  /** An aligned SSE move, which raises a general protection fault also at canonical addresses. */
  movaps: boolean;
}

const derivable =
  /^(?:add|sub|cmp|ucomiss|dec|inc|mov|movabs|movaps|movups|pop|push|l?call|l?jmp|lea|j[a-z]+|ret|retf|retfq)$/;

const privileged = new Set(
  (
    'cli clts hlt in insb insw insd int int3 into invd invept invlpg invvpid iret iretd iretq lgdt lidt lldt lmsw ltr ' +
    'monitor mov movabs mwait out outsb outsw outsd rdmsr rdpmc rdtsc rdtscp retf retfq sti swapgs sysexit sysexitq ' +
    'sysret sysretq vmcall vmclear vmlaunch vmptrld vmptrst vmread vmresume vmwrite vmxoff vmxon wbinvd wrmsr xsetbv'
  ).split(' '),
);

export function opcodeClassOf(mnemonic: string): OpcodeClass {
  return {
    accessesDerivable: derivable.test(mnemonic),
    intDivision: mnemonic === 'div' || mnemonic === 'idiv',
    privileged: privileged.has(mnemonic),
    movaps: mnemonic === 'movaps',
  };
}
