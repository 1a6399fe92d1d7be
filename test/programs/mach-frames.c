// Functions whose frames look in many ways. Compiled for Apple's systems and linked without any library: it never runs.

#define NOINLINE __attribute__((noinline))

#if defined(__aarch64__)
#define CLOBBER1 "x21", "x22"
#define CLOBBER2 "x19", "x20", "x23", "x24", "x25", "x26"
#define CLOBBER3 "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28"
#define CLOBBER4 "x19", "x20", "x21", "x22", "d8", "d9"
#elif defined(__x86_64__)
#define CLOBBER1 "r12"
#define CLOBBER2 "r13", "r15"
#define CLOBBER3 "rbx", "r12", "r14"
#define CLOBBER4 "rbx", "r12", "r13", "r14", "r15"
#else
#define CLOBBER1 "edi"
#define CLOBBER2 "esi"
#define CLOBBER3 "ebx", "esi"
#define CLOBBER4 "ebx", "edi", "esi"
#endif

NOINLINE int leaf(int a) { return a * 3; }

NOINLINE int saves(int a, int b, int c) {
  int sum = 0;
  for (int i = 0; i < a; i++) sum += leaf(i) + leaf(b) * leaf(c);
  return sum;
}

NOINLINE int large(int n) {
  volatile char bytes[5000];
  bytes[n] = 1;
  bytes[n + 1] = saves(n, n, n);
  return bytes[n] + saves(bytes[1], bytes[2], bytes[3]);
}

NOINLINE int middling(int n) {
  volatile char bytes[500];
  bytes[n] = 1;
  bytes[n + 1] = saves(n, n, n);
  return bytes[n] + saves(bytes[1], bytes[2], bytes[3]);
}

NOINLINE int dynamic(int n) {
  volatile char *bytes = __builtin_alloca(n);
  bytes[0] = n;
  return saves(bytes[0], bytes[n - 1], n);
}

NOINLINE void clobbers1(void) { __asm__ volatile("" ::: CLOBBER1); }
NOINLINE void clobbers2(void) { __asm__ volatile("" ::: CLOBBER2); }
NOINLINE void clobbers3(void) { __asm__ volatile("" ::: CLOBBER3); }
NOINLINE void clobbers4(void) { __asm__ volatile("" ::: CLOBBER4); }

NOINLINE int clobbers_and_calls(int n) {
  __asm__ volatile("" ::: CLOBBER2);
  volatile char bytes[40];
  bytes[n] = leaf(n);
  return leaf(bytes[1]) + bytes[n];
}

static NOINLINE int hidden(int n) { return leaf(n) + leaf(n + 1); }

int main(int argc, char **argv) {
  (void)argv;
  clobbers1();
  clobbers2();
  clobbers3();
  clobbers4();
  return dynamic(argc + 10) + large(argc) + middling(argc) + clobbers_and_calls(argc) + hidden(argc);
}
