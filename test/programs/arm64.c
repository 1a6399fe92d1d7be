/*
 * For aarch64-linux-gnu-gcc -static -nostdlib: a program of two threads that holds nobody's code but its own, so that a dump of it can be a
 * fixture. Each thread keeps known values in every register that a system call leaves alone, three frames deep:
 * x9 to x28 = seed | number, vN = { seed | 0x100 | N, ~(seed | 0x100 | N) }, fpcr = 0x01000000, fpsr = 0x10. `arm64 fault` stores to
 * address 8 in its second thread instead, and its signal handler waits. Prints `NAME=TID SEED THREAD-POINTER`, `siginfo=` and
 * `ucontext=`, and READY.
 */
typedef unsigned long u64;
#define NOINLINE __attribute__((noinline, noclone))
#define KEEP_FRAME() __asm__ volatile("" ::: "memory")

enum { WRITE = 64, EXIT_GROUP = 94, SIGACTION = 134, SIGRETURN = 139, PRCTL = 167, GETTID = 178, CLONE = 220, FUTEX = 98 };

static long call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c,
                x3 __asm__("x3") = d, x4 __asm__("x4") = 0, x5 __asm__("x5") = 0;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}

static void text(const char *s) {
  long length = 0;
  while (s[length]) length++;
  call(WRITE, 1, (long)s, length, 0);
}
static void hex(u64 value) {
  char digits[19] = "0x0000000000000000";
  for (int i = 0; i < 16; i++) digits[17 - i] = "0123456789abcdef"[value >> 4 * i & 15];
  text(digits);
}
static void decimal(long value) {
  char digits[21];
  int at = 20;
  digits[at] = 0;
  do digits[--at] = (char)('0' + value % 10); while (value /= 10);
  text(digits + at);
}
static u64 thread_pointer(void) {
  u64 pointer;
  __asm__ volatile("mrs %0, tpidr_el0" : "=r"(pointer));
  return pointer;
}
static void introduce(const char *name, u64 seed) {
  /* PR_SET_NAME */
  call(PRCTL, 15, (long)name, 0, 0);
  text(name);
  text("=");
  decimal(call(GETTID, 0, 0, 0, 0));
  text(" ");
  hex(seed);
  text(" ");
  hex(thread_pointer());
  text("\n");
}

static int forever;
/* Waits in the kernel until it is killed: futex(&forever, FUTEX_WAIT_PRIVATE, 0). */
#define V(n) "add x9, %0, #0x100\nadd x9, x9, #" #n "\nmvn x10, x9\nfmov d" #n ", x9\nmov v" #n ".d[1], x10\n"
#define X(n) "add x" #n ", %0, #" #n "\n"
NOINLINE void stand(u64 seed) {
  register u64 s __asm__("x1") = seed;
  __asm__ volatile(
      "mov x9, #0x01000000\nmsr fpcr, x9\nmov x9, #0x10\nmsr fpsr, x9\n"
      V(0) V(1) V(2) V(3) V(4) V(5) V(6) V(7) V(8) V(9) V(10) V(11) V(12) V(13) V(14) V(15) V(16) V(17) V(18) V(19) V(20) V(21)
      V(22) V(23) V(24) V(25) V(26) V(27) V(28) V(29) V(30) V(31)
      X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28)
      "1: mov x0, %1\nmov x1, #128\nmov x2, #0\nmov x3, #0\nmov x4, #0\nmov x5, #0\nmov x8, #98\nsvc 0\nb 1b\n" ::"r"(s),
      "r"(&forever)
      : "memory", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
        "x25", "x26", "x27", "x28");
}
NOINLINE void middle(u64 seed) { stand(seed); KEEP_FRAME(); }
NOINLINE void outermost(u64 seed) { middle(seed); KEEP_FRAME(); }

static volatile int helper_stands;
NOINLINE void fault_here(void) {
  __asm__ volatile("add x19, %0, #1\nfmov d31, %0\nmov x20, #8\nstr x19, [x20]\n" ::"r"(0x5eed000000000000ul) : "x19", "x20", "v31", "memory");
}
NOINLINE void fault_below(void) { fault_here(); KEEP_FRAME(); }
static int faults;
static void helper(void) {
  if (faults) {
    introduce("faulty", 0x5eed000000000000);
    fault_below();
  }
  introduce("helper", 0x5eed200000000000);
  helper_stands = 1;
  outermost(0x5eed200000000000);
}
static void handler(int number, void *info, void *context) {
  (void)number;
  text("siginfo=");
  hex((u64)info);
  text("\nucontext=");
  hex((u64)context);
  text("\n");
  helper_stands = 1;
  for (;;) call(FUTEX, (long)&forever, 128, 0, 0);
}
void restorer(void);
__asm__("restorer: mov x8, #139\nsvc 0\n");

static u64 helper_stack[8192] __attribute__((aligned(16)));
static u64 helper_block[8] __attribute__((aligned(16)));

static void start_helper(void) {
  /* CLONE_VM | FS | FILES | SIGHAND | THREAD | SYSVSEM | SETTLS */
  register long x8 __asm__("x8") = CLONE, x0 __asm__("x0") = 0xd0f00, x1 __asm__("x1") = (long)(helper_stack + 8192),
                x2 __asm__("x2") = 0, x3 __asm__("x3") = (long)helper_block, x4 __asm__("x4") = 0;
  __asm__ volatile("svc 0\ncbnz x0, 1f\nmov x29, #0\nmov x30, #0\nblr %[body]\n1:"
                   : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), [body] "r"(helper) : "memory", "x30");
  while (!helper_stands) KEEP_FRAME();
}

void begin(u64 *stack) {
  __asm__ volatile("msr tpidr_el0, %0" ::"r"(helper_block + 4));
  faults = stack[0] > 1;
  struct { void *handler; u64 flags; void *restorer; u64 mask; } action = {(void *)handler, 4 /* SA_SIGINFO */ | 0x04000000, (void *)restorer, 0};
  call(SIGACTION, 11, (long)&action, 0, 8);
  start_helper();
  introduce("main thread", 0x5eed100000000000);
  text("READY\n");
  outermost(0x5eed100000000000);
}
__asm__(".globl _start\n_start: mov x29, #0\nmov x30, #0\nmov x0, sp\nbl begin\n");
