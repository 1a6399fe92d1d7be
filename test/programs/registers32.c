/*
 * For gcc -m32: threads that stand in a system call with known values in every register that the call leaves alone: ebx … ebp, the
 * x87 stack with values of each kind, xmm0 … xmm7, mxcsr. Each three frames deep. Prints for each thread
 * `NAME=TID SEED THREAD-POINTER`; NAME tells how many values are on its x87 stack.
 */
#include "common.h"
#include <semaphore.h>

static sem_t stands;
static struct { const char *name; uint32_t seed; int depth; } threads[] = {
    {"empty", 0x10000000, 0}, {"one", 0x20000000, 1}, {"five", 0x30000000, 5}, {"full", 0x40000000, 8}};

/* 80 bits each: 1.5, zero, infinity, a denormal, minus pi, a NaN, an unnormal, 2^70. */
struct extended { uint64_t fraction; uint16_t exponent; } __attribute__((packed));
static const struct extended values[8] = {
    {0xc000000000000000, 0x3fff}, {0, 0}, {0x8000000000000000, 0x7fff}, {1, 0},
    {0xc90fdaa22168c235, 0xc000}, {0xc000000000000001, 0x7fff}, {0x4000000000000000, 0x3fff}, {0x8000000000000000, 0x4045}};

__attribute__((target("sse2"))) NOINLINE void stand(uint32_t seed, int depth) {
  uint32_t xmm[8][4], mxcsr = 0x3f80;
  for (int i = 0; i < 8; i++)
    for (int k = 0; k < 4; k++) xmm[i][k] = seed | (uint32_t)(i << 8) | (uint32_t)(k + 1);
  __asm__ volatile("fninit");
  for (int i = 0; i < depth; i++) __asm__ volatile("fldt %0" ::"m"(values[i]));
  __asm__ volatile(
      "ldmxcsr %[mxcsr]\n"
      "movups 0(%[xmm]), %%xmm0\nmovups 16(%[xmm]), %%xmm1\nmovups 32(%[xmm]), %%xmm2\nmovups 48(%[xmm]), %%xmm3\n"
      "movups 64(%[xmm]), %%xmm4\nmovups 80(%[xmm]), %%xmm5\nmovups 96(%[xmm]), %%xmm6\nmovups 112(%[xmm]), %%xmm7\n"
      "lea 1(%[seed]), %%ebx\nlea 2(%[seed]), %%ecx\nlea 3(%[seed]), %%edx\nlea 4(%[seed]), %%esi\n"
      "lea 5(%[seed]), %%edi\n"
      /* ebp stays what it is: the frames hang on it. pause() for ever. */
      "1: mov $29, %%eax\nint $0x80\njmp 1b\n" ::[mxcsr] "m"(mxcsr), [xmm] "S"(xmm), [seed] "a"(seed)
      : "memory", "ebx", "ecx", "edx", "edi");
}
NOINLINE void middle(uint32_t seed, int depth) { stand(seed, depth); KEEP_FRAME(); }
NOINLINE void outermost(uint32_t seed, int depth) { middle(seed, depth); KEEP_FRAME(); }

static void *body(void *which) {
  int i = (int)(intptr_t)which;
  uint32_t pointer;
  __asm__("movl %%gs:0, %0" : "=r"(pointer));
  prctl(PR_SET_NAME, threads[i].name);
  say("%s=%d %#x %#x", threads[i].name, own_tid(), threads[i].seed, pointer);
  sem_post(&stands);
  outermost(threads[i].seed, threads[i].depth);
  return 0;
}

int main(void) {
  sem_init(&stands, 0, 0);
  for (int i = 0; i < 4; i++) {
    start_thread(body, (void *)(intptr_t)i, 0);
    sem_wait(&stands);
  }
  serve(0);
}
