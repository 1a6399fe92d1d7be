/*
 * A program that comes to its end: fatal [LIFE…] KIND. LIFE is what it goes through before, one after the other; KIND is how it ends
 * (`kinds` and `lives` below); `ask` among the lives says READY and waits for a line. Before it crashes it prints `thread=TID`, and
 * `fault=ADDRESS` where it knows which one will be at fault.
 */
#include "common.h"
#include <csetjmp>
#include <cstddef>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdexcept>
#include <sys/mman.h>
#include <sys/wait.h>

static int volatile zero = 0;
static char **words;
static char **rest;

static void announce(const volatile void *fault) {
  say("thread=%d", own_tid());
  if (fault) say("fault=%p", (const void *)fault);
}

static void set_alternate_stack() {
  stack_t stack{};
  stack.ss_size = 256 << 10;
  stack.ss_sp = malloc(stack.ss_size);
  if (sigaltstack(&stack, 0)) die("sigaltstack");
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), int flags = 0) {
  struct sigaction action{};
  action.sa_sigaction = handler;
  action.sa_flags = SA_SIGINFO | flags;
  if (sigaction(number, &action, 0)) die("sigaction");
}

/* ---- Crashes: each in a function of its own, that a stack must show. */

NOINLINE static void writes() {
  int *volatile target = (int *)0x18;
  announce(target);
  *(volatile int *)target = 1;
  KEEP_FRAME();
}

NOINLINE static int overflows(int depth) {
  volatile char block[4096];
  block[0] = (char)depth;
  int deeper = overflows(depth + 1);
  return deeper + block[0];
}

NOINLINE static void aborts() {
  announce(0);
  abort();
}

NOINLINE static void frees_twice() {
  announce(0);
  char *volatile block = (char *)malloc(24);
  free(block);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuse-after-free"
  free(block);
#pragma GCC diagnostic pop
}

NOINLINE static void divides() {
  announce(0);
  zero = 100 / zero;
  KEEP_FRAME();
}

NOINLINE static void runs_nonsense() {
  announce(0);
  __asm__ volatile("ud2");
  KEEP_FRAME();
}

NOINLINE static void reads_behind_the_file() {
  int fd = memfd_create("short", 0);
  char *page = (char *)mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  announce(page + 4100);
  page[4100] = 1;
  KEEP_FRAME();
}

/* No address of a page: the processor raises no page fault, and the kernel has no address to tell. */
NOINLINE static void writes_nowhere() {
  announce(0);
  int *volatile target = (int *)0x7123456789abcdef;
  *(volatile int *)target = 1;
  KEEP_FRAME();
}

NOINLINE static void breaks() {
  announce(0);
  __asm__ volatile("int3");
  KEEP_FRAME();
}

NOINLINE static void throws() {
  announce(0);
  if (zero == 0) throw std::runtime_error("nobody catches this");
}

static void forbid_getppid(unsigned action) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {4, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) die("seccomp");
}

NOINLINE static void calls_what_is_forbidden() {
  announce(0);
  forbid_getppid(SECCOMP_RET_KILL_PROCESS);
  syscall(SYS_getppid);
  KEEP_FRAME();
}

NOINLINE static void waits() {
  announce(0);
  for (;;) pause();
}

static void *thread_body(void *index) {
  if (index == (void *)5) writes();
  for (;;) pause();
}
static void in_a_thread() {
  for (long i = 0; i < 8; i++) start_thread(thread_body, (void *)i, 0);
  for (;;) pause();
}

/* ---- What handlers of crashes do. */

static void in_handler(int, siginfo_t *, void *) { writes(); }
static void raises_again(int number, siginfo_t *, void *) {
  signal(number, SIG_DFL);
  raise(number);
}
static void returns_to_it(int number, siginfo_t *, void *) { signal(number, SIG_DFL); }
static void gives_up(int, siginfo_t *, void *) { abort(); }
static void exits(int, siginfo_t *, void *) { _exit(42); }
static sigjmp_buf before;
static void jumps(int, siginfo_t *, void *) { siglongjmp(before, 1); }

static void overflow() {
  announce(0);
  overflows(0);
}
static void handles_then(void (*handler)(int, siginfo_t *, void *), void (*crash)()) {
  set_alternate_stack();
  handle(SIGSEGV, handler, SA_ONSTACK);
  crash();
}

struct Named {
  const char *name;
  void (*run)();
};

static const Named kinds[] = {
    {"null", writes},
    {"overflow", overflow},
    {"overflow-reraised", [] { handles_then(raises_again, overflow); }},
    /* The handler has no stack to run on. */
    {"overflow-handled", [] { handle(SIGSEGV, gives_up), overflow(); }},
    {"abort", aborts},
    {"double-free", frees_twice},
    {"divide", divides},
    {"illegal", runs_nonsense},
    {"bus", reads_behind_the_file},
    {"non-canonical", writes_nowhere},
    {"int3", breaks},
    {"thread", in_a_thread},
    {"in-handler", [] { handle(SIGUSR1, in_handler), raise(SIGUSR1); }},
    {"reraised", [] { handles_then(raises_again, writes); }},
    {"returned", [] { handles_then(returns_to_it, writes); }},
    {"handler-aborts", [] { handles_then(gives_up, writes); }},
    /* A fault that was handled for good is not to blame for what comes later. */
    {"jumped-then-abort", [] {
       handle(SIGSEGV, jumps);
       if (sigsetjmp(before, 1) == 0) *(volatile int *)(long)zero = 1;
       aborts();
     }},
    {"uncaught", throws},
    {"seccomp", calls_what_is_forbidden},
    {"wait", waits},
    /* No crashes. */
    {"exit", [] { exit(0); }},
    {"exit-7", [] { exit(7); }},
    {"handler-exits", [] { handles_then(exits, writes); }},
};

/* ---- Lives. */

[[noreturn]] static void go_on();

static void tell_end_of(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  say("child=%s %d", WIFSIGNALED(status) ? "signal" : "code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  exit(5);
}

static void *goes_on(void *leader) {
  if (leader) pthread_join(*(pthread_t *)leader, 0);
  go_on();
}

static void become_nobody() {
  if (setgid(65534) || setuid(65534)) die("setuid");
}

static pid_t volatile killed;
static void *forbidden_call(void *unused) {
  killed = own_tid();
  forbid_getppid(SECCOMP_RET_KILL_THREAD);
  syscall(SYS_getppid);
  return unused;
}

static pthread_t leader;

static const Named lives[] = {
    {"exec", [] { rest[-1] = words[0], execv("/proc/self/exe", rest - 1); }},
    /* From a thread that is not the first one, among others. */
    {"exec-in-thread", [] {
       start_thread([](void *) -> void * { for (;;) pause(); }, 0, 0);
       start_thread([](void *) -> void * { rest[-1] = words[0], execv("/proc/self/exe", rest - 1); return 0; }, 0, 0);
       for (;;) pause();
     }},
    {"fork", [] { if (pid_t child = fork()) tell_end_of(child); }},
    {"vfork", [] {
       rest[-1] = words[0];
       pid_t child = vfork();
       if (child == 0) { execv("/proc/self/exe", rest - 1); _exit(9); }
       tell_end_of(child);
     }},
    {"daemon", [] {
       if (fork()) _exit(0);
       setsid();
       if (fork()) _exit(0);
       say("daemon=%d", getpid());
     }},
    {"nobody", become_nobody},
    {"leader-exits", [] { leader = pthread_self(); start_thread(goes_on, &leader, 0); pthread_exit(0); }},
    {"threads", [] { for (int i = 0; i < 200; i++) pthread_join(start_thread([](void *p) { return p; }, 0, 0), 0); }},
    /* The kernel kills one thread, and the process lives on. */
    {"thread-killed", [] {
       killed = 0;
       start_thread(forbidden_call, 0, 0);
       char path[64];
       while (!killed) usleep(1000);
       snprintf(path, sizeof path, "/proc/self/task/%d", killed);
       while (access(path, F_OK) == 0) usleep(1000);
     }},
    {"ask", [] { char line[64]; say("READY"); if (!read_command(line, sizeof line)) exit(0); }},
};

template <size_t N> static void (*find(const Named (&all)[N], const char *name))() {
  for (const Named &one : all)
    if (!strcmp(one.name, name)) return one.run;
  return nullptr;
}

static void go_on() {
  for (;;) {
    const char *name = *rest++;
    if (!name) exit(2);
    if (auto life = find(lives, name)) { life(); continue; }
    auto end = find(kinds, name);
    if (!end) { fprintf(stderr, "no such kind: %s\n", name); exit(2); }
    end();
    exit(3);
  }
}

int main(int count, char **arguments) {
  if (count < 2) return 2;
  words = arguments;
  rest = arguments + 1;
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  go_on();
}
