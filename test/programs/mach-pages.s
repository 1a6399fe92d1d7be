// More functions than one page of __unwind_info holds, each with an encoding of its own: rdi is a register that only DWARF can say to be saved.
.macro function
.p2align 2
_f\@:
.cfi_startproc
  subq $24, %rsp
  .cfi_def_cfa_offset 32
  .cfi_offset %rdi, -16
  addq $24, %rsp
  ret
.cfi_endproc
.endm

.text
.globl _main
_main:
  ret
.rept 3000
function
.endr
.subsections_via_symbols
