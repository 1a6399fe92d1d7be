/* Tasks of busy.c: memory and registers that a stop, a snapshot and an injected call must leave as they are. */

static char stamp[32] = "the stamp of busy, 31 letters..";

/*
 * One word in each of many pages, all set to the same number one after another, over and over. In an image of one moment
 * the numbers are N up to some page and N - 1 behind it.
 */
#define WAVE_PAGES 256
static volatile unsigned wave[WAVE_PAGES][1024] __attribute__((aligned(4096)));
static void do_wave(struct task *t) {
  unsigned next = (unsigned)t->rounds + 1;
  for (int i = 0; i < WAVE_PAGES; i++) {
    if (wave[i][0] != next - 1) t->errors++;
    wave[i][0] = next;
  }
  usleep(1000);
}

#ifdef __x86_64__
/* The halves of registers that SSE does not know, and a mask register. */
static void do_wide_registers(struct task *t) {
  static const unsigned long pattern[8] = {1, 2, 3, 4, 5, 6, 7, 0xfedcba9876543210ul};
  unsigned long found[8];
  if (!__builtin_cpu_supports("avx")) {
    usleep(1000);
    return;
  }
  for (int i = 0; i < 25; i++) {
    __asm__ volatile(
        "vmovups %[pattern], %%ymm9\nmov $200, %%ecx\n1: pause\ndec %%ecx\njnz 1b\nvmovups %%ymm9, %[found]\nvzeroupper\n"
        : [found] "=m"(found) : [pattern] "m"(pattern) : "xmm9", "ecx", "cc");
    if (memcmp(found, pattern, 32)) t->errors++;
    if (!__builtin_cpu_supports("avx512f")) continue;
    unsigned mask_before = 0xa5c3, mask;
    /* Not known to the compiler here, so nothing of its own is in them. */
    __asm__ volatile(
        "kmovw %[before], %%k3\nvmovups %[pattern], %%zmm20\nmov $200, %%ecx\n1: pause\ndec %%ecx\njnz 1b\n"
        "vmovups %%zmm20, %[found]\nkmovw %%k3, %[mask]\nvzeroupper\n"
        : [found] "=m"(found), [mask] "=r"(mask) : [pattern] "m"(pattern), [before] "r"(mask_before) : "ecx", "cc");
    if (memcmp(found, pattern, 64) || mask != mask_before) t->errors++;
  }
  usleep(8000);
}

/*
 * A restartable sequence, registered by the C library. The kernel forgets the sequence (rseq_cs becomes 0) when it finds the
 * thread outside of it: one that goes on inside with a forgotten sequence has lost its protection.
 */
#include <stddef.h>
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));
enum { COMMITTED, ABORTED, UNPROTECTED };
static NOINLINE int sequence(volatile unsigned long *area, volatile unsigned long *counter) {
  int outcome;
  __asm__ volatile(
      ".pushsection __rseq_cs, \"aw\"\n.balign 32\n3: .long 0, 0\n.quad 1f, 2f - 1f, 4f\n.popsection\n"
      "leaq 3b(%%rip), %%rax\nmovq %%rax, 8(%[area])\n"
      "1: movl $500, %%ecx\n"
      "5: pause\ndec %%ecx\njnz 5b\n"
      "cmpq %%rax, 8(%[area])\njne 6f\n"
      "incq (%[counter])\n"
      "2: movl $0, %[outcome]\njmp 7f\n"
      ".byte 0x0f, 0xb9, 0x3d\n.long 0x53053053\n"
      "4: movl $1, %[outcome]\njmp 7f\n"
      "6: movl $2, %[outcome]\n"
      "7: movq $0, 8(%[area])\n"
      : [outcome] "=&r"(outcome) : [area] "r"(area), [counter] "r"(counter) : "rax", "ecx", "cc", "memory");
  return outcome;
}
static void do_rseq(struct task *t) {
  static volatile unsigned long commits;
  if (!&__rseq_offset || !__rseq_size) {
    usleep(1000);
    return;
  }
  volatile unsigned long *area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
  unsigned long before = commits, committed = 0;
  for (int i = 0; i < 50; i++) {
    int outcome = sequence(area, &commits);
    if (outcome == COMMITTED) committed++;
    else if (outcome == UNPROTECTED) t->errors++;
  }
  if (commits - before != committed) t->errors++;
  usleep(10000);
}
#endif
