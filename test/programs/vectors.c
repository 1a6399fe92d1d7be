/*
 * Threads that stand in a system call with known bytes in every vector register that the processor has: AVX, AVX-512, the tiles of
 * AMX. Each byte of a register tells whose it is. Prints `features=` with what there is, and `NAME=TID` a thread. `vectors fault` has
 * one thread with AVX registers alone, which stores to address 8; the handler prints `siginfo=` and `ucontext=` and waits.
 */
#include "common.h"
#include <cpuid.h>
#include <semaphore.h>

static sem_t stands;
static int faulty;
static void handler(int number, siginfo_t *info, void *context) {
  (void)number;
  say("siginfo=%p", (void *)info);
  say("ucontext=%p", context);
  sem_post(&stands);
  for (;;) pause();
}
static void take_faults(int count) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  faulty = count > 1;
  sigaction(SIGSEGV, &action, 0);
}
/* A fault if it is asked for; the registers stay. */
#define FAULT "test %1, %1\n jz 1f\n movl $0, 8\n"
static unsigned features; /* 1 AVX, 2 AVX-512, 4 AMX */

/* Byte `i` of register `number`; `seed` tells the threads apart. */
static unsigned char byte_of(int seed, int number, int i) {
  return (unsigned char)(seed * 53 + number * 7 + i * 3 + 1);
}

#ifdef __i386__
/* With gcc -m32 ymm0 to ymm7 alone. */
static unsigned char values[1][32][64] __attribute__((aligned(64)));
__attribute__((target("avx"))) static void stand_avx(unsigned char (*v)[64]) {
  __asm__ volatile(
      "vmovdqu 0(%0),%%ymm0\n vmovdqu 64(%0),%%ymm1\n vmovdqu 128(%0),%%ymm2\n vmovdqu 192(%0),%%ymm3\n"
      "vmovdqu 256(%0),%%ymm4\n vmovdqu 320(%0),%%ymm5\n vmovdqu 384(%0),%%ymm6\n vmovdqu 448(%0),%%ymm7\n"
      FAULT "1: mov $29, %%eax\n int $0x80\n jmp 1b\n" ::"r"(v), "r"(faulty)
      : "memory", "eax");
}
static void *body(void *unused) {
  say("avx=%d", own_tid());
  if (!faulty) sem_post(&stands);
  stand_avx(values[0]);
  return unused;
}
int main(int count, char **unused) {
  (void)unused;
  take_faults(count);
  if (__builtin_cpu_supports("avx")) features |= 1;
  for (int n = 0; n < 32; n++)
    for (int i = 0; i < 64; i++) values[0][n][i] = byte_of(0, n, i);
  say("features=%u", features);
  sem_init(&stands, 0, 0);
  start_thread(body, 0, 0);
  sem_wait(&stands);
  serve(0);
}
#else
/* Never returns to C code that could use a register: pause(), for ever. */
#define PAUSE_FOR_EVER "1: mov $34, %%eax\n syscall\n jmp 1b\n"

static unsigned char values[3][32][64] __attribute__((aligned(64)));
static uint64_t masks[8];

__attribute__((target("avx"))) static void stand_avx(unsigned char (*v)[64]) {
  __asm__ volatile(
      "vmovdqu 0(%0),%%ymm0\n vmovdqu 64(%0),%%ymm1\n vmovdqu 128(%0),%%ymm2\n vmovdqu 192(%0),%%ymm3\n"
      "vmovdqu 256(%0),%%ymm4\n vmovdqu 320(%0),%%ymm5\n vmovdqu 384(%0),%%ymm6\n vmovdqu 448(%0),%%ymm7\n"
      "vmovdqu 512(%0),%%ymm8\n vmovdqu 576(%0),%%ymm9\n vmovdqu 640(%0),%%ymm10\n vmovdqu 704(%0),%%ymm11\n"
      "vmovdqu 768(%0),%%ymm12\n vmovdqu 832(%0),%%ymm13\n vmovdqu 896(%0),%%ymm14\n vmovdqu 960(%0),%%ymm15\n" FAULT PAUSE_FOR_EVER ::"r"(v), "r"(faulty)
      : "memory", "rax", "rcx", "r11");
}

#define Z(n, at) "vmovdqu64 " #at "(%0),%%zmm" #n "\n"
__attribute__((target("avx512f,avx512bw"))) static void stand_avx512(unsigned char (*v)[64]) {
  __asm__ volatile(
      "kmovq 0(%1),%%k0\n kmovq 8(%1),%%k1\n kmovq 16(%1),%%k2\n kmovq 24(%1),%%k3\n"
      "kmovq 32(%1),%%k4\n kmovq 40(%1),%%k5\n kmovq 48(%1),%%k6\n kmovq 56(%1),%%k7\n"
      Z(0, 0) Z(1, 64) Z(2, 128) Z(3, 192) Z(4, 256) Z(5, 320) Z(6, 384) Z(7, 448)
      Z(8, 512) Z(9, 576) Z(10, 640) Z(11, 704) Z(12, 768) Z(13, 832) Z(14, 896) Z(15, 960)
      Z(16, 1024) Z(17, 1088) Z(18, 1152) Z(19, 1216) Z(20, 1280) Z(21, 1344) Z(22, 1408) Z(23, 1472)
      Z(24, 1536) Z(25, 1600) Z(26, 1664) Z(27, 1728) Z(28, 1792) Z(29, 1856) Z(30, 1920) Z(31, 1984)
      PAUSE_FOR_EVER ::"r"(v), "r"(masks)
      : "memory", "rax", "rcx", "r11");
}

static unsigned char tiles[8][1024] __attribute__((aligned(64)));

/* LDTILECFG: palette 1, eight tiles of 16 rows of 64 bytes. */
__attribute__((target("amx-tile"))) static void stand_amx(void) {
  struct { uint8_t palette, start_row, reserved[14]; uint16_t columns[16]; uint8_t rows[16]; } config = {.palette = 1};
  for (int i = 0; i < 8; i++) { config.columns[i] = 64; config.rows[i] = 16; }
  uint64_t stride = 64;
  __asm__ volatile(
      "ldtilecfg (%2)\n"
      "tileloadd (%0,%1),%%tmm0\n add $1024,%0\n tileloadd (%0,%1),%%tmm1\n add $1024,%0\n"
      "tileloadd (%0,%1),%%tmm2\n add $1024,%0\n tileloadd (%0,%1),%%tmm3\n add $1024,%0\n"
      "tileloadd (%0,%1),%%tmm4\n add $1024,%0\n tileloadd (%0,%1),%%tmm5\n add $1024,%0\n"
      "tileloadd (%0,%1),%%tmm6\n add $1024,%0\n tileloadd (%0,%1),%%tmm7\n" PAUSE_FOR_EVER ::"r"(tiles), "r"(stride), "r"(&config)
      : "memory", "rax", "rcx", "r11");
}

static void *body(void *which) {
  int seed = (int)(intptr_t)which;
  say("%s=%d", seed == 0 ? "avx" : seed == 1 ? "avx512" : "amx", own_tid());
  if (!faulty) sem_post(&stands);
  if (seed == 0) stand_avx(values[0]);
  else if (seed == 1) stand_avx512(values[1]);
  else stand_amx();
  return 0;
}

int main(int count, char **unused) {
  (void)unused;
  take_faults(count);
  unsigned a, b, c, d, tile_bit;
  __cpuid_count(7, 0, a, b, c, d);
  tile_bit = d & (1u << 24);
  if (__builtin_cpu_supports("avx")) features |= 1;
  if (__builtin_cpu_supports("avx512bw")) features |= 2;
  /* ARCH_REQ_XCOMP_PERM for the tile data, feature 18. */
  if (tile_bit && !syscall(SYS_arch_prctl, 0x1023, 18)) features |= 4;
  for (int seed = 0; seed < 3; seed++)
    for (int n = 0; n < 32; n++)
      for (int i = 0; i < 64; i++) values[seed][n][i] = byte_of(seed, n, i);
  for (int n = 0; n < 8; n++) {
    masks[n] = 0x0101010101010101u * (uint64_t)(n + 1);
    for (int i = 0; i < 1024; i++) tiles[n][i] = byte_of(2, n, i);
  }
  say("features=%u", features);
  sem_init(&stands, 0, 0);
  for (int seed = 0; seed < (faulty ? 1 : 3); seed++) {
    if (!(features & (1u << seed))) continue;
    start_thread(body, (void *)(intptr_t)seed, 0);
    sem_wait(&stands);
  }
  serve(0);
}
#endif
