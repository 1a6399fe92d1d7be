/*
 * Crashes in one instruction of many, and prints what the kernel says of it: `faults NAME` prints the signal, si_code, si_addr, the
 * trap number and error code of the page fault, whether there are bytes at the instruction pointer, those bytes, the base of fs, and
 * the registers. `faults` alone prints the names.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <unistd.h>

static uint8_t *page;      /* one page that can be written, behind it one that is not mapped */
static uint8_t *read_only; /* one page */

#define BAD "0x123000"
#define ODD "0x7123456789abcdef"

#define FAULTS(X)                                                                                                    \
  X(mov_read, "mov $0x10, %%rax; mov (%%rax), %%ecx")                                                                \
  X(mov_write, "mov $" BAD ", %%rbx; mov $3, %%ecx; movl $5, 8(%%rbx,%%rcx,4)")                                      \
  X(mov_absolute, "movl $5, 0x45")                                                                                   \
  X(mov_to_rip, "movl $5, 0x60000000(%%rip)")                                                                        \
  X(mov_32_bit_address, "mov $-1, %%rax; mov $2, %%ecx; movb $1, 0x1000(%%eax,%%ecx)")                               \
  X(push_bad_stack, "mov $" BAD ", %%rsp; push %%rax")                                                               \
  X(push_word, "mov $" BAD ", %%rsp; pushw %%ax")                                                                    \
  X(push_memory, "mov $" BAD ", %%rax; pushq 8(%%rax)")                                                              \
  X(pop_bad_stack, "mov $" BAD ", %%rsp; pop %%rax")                                                                 \
  X(pop_memory, "mov $" BAD ", %%rax; popq 8(%%rax)")                                                                \
  X(pop_relative_to_stack, "popq 0x10000000(%%rsp)")                                                                 \
  X(call_bad_stack, "mov $" BAD ", %%rsp; call .")                                                                   \
  X(call_memory, "xor %%eax, %%eax; call *0x18(%%rax)")                                                              \
  X(call_null, "xor %%eax, %%eax; call *%%rax")                                                                      \
  X(jmp_memory, "mov $" BAD ", %%rcx; mov $2, %%edx; jmp *(%%rcx,%%rdx,8)")                                          \
  X(jmp_non_canonical, "mov $" ODD ", %%rax; jmp *%%rax")                                                            \
  X(ret_bad_stack, "mov $" BAD ", %%rsp; ret")                                                                       \
  X(ret_non_canonical, "mov $" ODD ", %%rax; push %%rax; ret")                                                       \
  X(leave_bad_frame, "mov $" BAD ", %%rbp; leave")                                                                   \
  X(enter_bad_stack, "mov $" BAD ", %%rsp; enter $16, $0")                                                           \
  X(pushf_bad_stack, "mov $" BAD ", %%rsp; pushfq")                                                                  \
  X(movaps_unaligned, "lea 8(%%rdi), %%rax; and $-16, %%rax; movaps %%xmm0, 4(%%rax)")                               \
  X(movups_over_the_end, "movups 0xffa(%%rdi), %%xmm0")                                                              \
  X(read_non_canonical, "mov $" ODD ", %%rax; mov (%%rax), %%rbx")                                                   \
  X(write_non_canonical, "mov $" ODD ", %%rax; mov %%rbx, 4(%%rax)")                                                 \
  X(stack_non_canonical, "mov $" ODD ", %%rbp; mov (%%rbp), %%rbx")                                                  \
  X(rep_movsb_write, "mov %%rdi, %%rsi; add $0xff0, %%rdi; mov $100, %%ecx; cld; rep movsb")                         \
  X(rep_movsq_read, "lea 0xff0(%%rdi), %%rsi; mov $100, %%ecx; cld; rep movsq")                                      \
  X(rep_stosq, "add $0xff8, %%rdi; mov $3, %%ecx; cld; rep stosq")                                                   \
  X(lodsd, "mov $" BAD ", %%rsi; lodsl")                                                                             \
  X(cmpsb, "mov $" BAD ", %%rsi; cmpsb")                                                                             \
  X(scasw, "mov $" BAD ", %%rdi; scasw")                                                                             \
  X(divide_by_zero, "xor %%ecx, %%ecx; mov $1, %%eax; cltd; idiv %%ecx")                                             \
  X(divide_by_zero_in_memory, "movl $0, (%%rdi); mov $1, %%eax; xor %%edx, %%edx; divl (%%rdi)")                     \
  X(divide_by_bad_memory, "mov $" BAD ", %%rax; idivl 4(%%rax)")                                                     \
  X(lea_then_store, "lea 0x1000(%%rdi), %%rax; movb $1, (%%rax)")                                                    \
  X(add_memory, "mov $" BAD ", %%rax; add %%ecx, (%%rax)")                                                           \
  X(add_from_memory, "mov $" BAD ", %%rax; add (%%rax), %%rcx")                                                      \
  X(cmp_memory, "mov $" BAD ", %%rax; cmpw $1, (%%rax)")                                                             \
  X(test_memory, "mov $" BAD ", %%rax; test %%ecx, (%%rax)")                                                         \
  X(inc_read_only, "incq 8(%%rsi)")                                                                                  \
  X(rol_read_only, "rolq $3, 16(%%rsi)")                                                                             \
  X(lock_add, "mov $" BAD ", %%rax; lock addl $1, (%%rax)")                                                          \
  X(cmpxchg, "mov $" BAD ", %%rbx; lock cmpxchg %%rcx, (%%rbx)")                                                     \
  X(cmpxchg16b, "mov $" BAD ", %%rdi; lock cmpxchg16b (%%rdi)")                                                      \
  X(xadd, "mov $" BAD ", %%rbx; xadd %%ecx, (%%rbx)")                                                                \
  X(xchg, "mov $" BAD ", %%rbx; xchg %%ecx, (%%rbx)")                                                                \
  X(setne, "mov $" BAD ", %%rbx; setne (%%rbx)")                                                                     \
  X(cmovne, "mov $" BAD ", %%rbx; cmovne (%%rbx), %%rcx")                                                            \
  X(bit_test, "mov $-1000000000, %%rcx; bt %%rcx, (%%rdi)")                                                          \
  X(bit_set, "mov $77777777777, %%rcx; bts %%rcx, (%%rdi)")                                                          \
  X(movhps_store, "mov $" BAD ", %%rax; movhps %%xmm0, (%%rax)")                                                     \
  X(movntdq, "mov $" BAD ", %%rax; movntdq %%xmm0, (%%rax)")                                                         \
  X(maskmovdqu, "pcmpeqd %%xmm1, %%xmm1; mov $" BAD ", %%rdi; maskmovdqu %%xmm1, %%xmm0")                            \
  X(fstp, "mov $" BAD ", %%rax; fld1; fstpl (%%rax)")                                                                \
  X(fld_extended, "mov $" BAD ", %%rax; fldt (%%rax)")                                                               \
  X(fistp, "mov $" BAD ", %%rax; fld1; fistpl (%%rax)")                                                              \
  X(fnsave, "mov $" BAD ", %%rax; fnsave (%%rax)")                                                                   \
  X(fxsave, "mov $" BAD ", %%rax; fxsave (%%rax)")                                                                   \
  X(fxrstor, "mov $" BAD ", %%rax; fxrstor (%%rax)")                                                                 \
  X(stmxcsr, "mov $" BAD ", %%rax; stmxcsr (%%rax)")                                                                 \
  X(xlatb, "mov $" BAD ", %%rbx; mov $7, %%eax; xlatb")                                                              \
  X(through_fs, "mov $0x7000000, %%eax; mov %%fs:(%%rax), %%rcx")                                                    \
  X(halt, "hlt")                                                                                                     \
  X(no_instruction, "ud2")

#define DEFINE(name, code)                                                                                           \
  static void name(void) {                                                                                           \
    __asm__ volatile(code : : "D"(page), "S"(read_only) : "memory", "rax", "rbx", "rcx", "rdx", "cc");               \
  }
FAULTS(DEFINE)

#define ENTRY(name, code) {#name, name},
static const struct {
  const char *name;
  void (*run)(void);
} faults[] = {FAULTS(ENTRY)};

static uint64_t base_of_fs(void) {
  uint64_t self;
  __asm__("mov %%fs:0, %0" : "=r"(self)); /* the thread block begins with its own address */
  return self;
}

static void report(int number, siginfo_t *info, void *context) {
  static const struct {
    const char *name;
    int index;
  } registers[] = {{"rax", REG_RAX}, {"rdx", REG_RDX}, {"rcx", REG_RCX}, {"rbx", REG_RBX}, {"rsi", REG_RSI},
                   {"rdi", REG_RDI}, {"rbp", REG_RBP}, {"rsp", REG_RSP}, {"r8", REG_R8},   {"r9", REG_R9},
                   {"r10", REG_R10}, {"r11", REG_R11}, {"r12", REG_R12}, {"r13", REG_R13}, {"r14", REG_R14},
                   {"r15", REG_R15}, {"rip", REG_RIP}};
  greg_t *values = ((ucontext_t *)context)->uc_mcontext.gregs;
  int pipes[2];
  uint8_t bytes[15];
  ssize_t there = 0;
  if (pipe(pipes) == 0) { /* the kernel says whether there is memory */
    there = write(pipes[1], (void *)values[REG_RIP], sizeof bytes) > 0 ? read(pipes[0], bytes, sizeof bytes) : 0;
  }
  printf("{\"signal\":%d,\"code\":%d,\"address\":\"0x%llx\",\"trap\":%lld,\"error\":%lld,\"fs\":\"0x%llx\",\"bytes\":\"", number,
         info->si_code, (unsigned long long)info->si_addr, (long long)values[REG_TRAPNO], (long long)values[REG_ERR],
         (unsigned long long)base_of_fs());
  for (ssize_t i = 0; i < there; i++) printf("%02x", bytes[i]);
  printf("\"");
  for (size_t i = 0; i < sizeof registers / sizeof *registers; i++) {
    printf(",\"%s\":\"0x%llx\"", registers[i].name, (unsigned long long)values[registers[i].index]);
  }
  printf("}\n");
  fflush(stdout);
  _exit(0);
}

int main(int count, char **arguments) {
  static uint8_t stack[1 << 16];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  struct sigaction action = {.sa_sigaction = report, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  if (count == 1) {
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) puts(faults[i].name);
    return 0;
  }
  page = mmap(NULL, 0x2000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 0x1000, 0x1000);
  read_only = mmap((void *)0x500000000000, 0x1000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  page[0] = read_only[0];
  sigaltstack(&alternate, NULL);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    if (strcmp(arguments[1], faults[i].name) == 0) faults[i].run();
  }
  return 1;
}
