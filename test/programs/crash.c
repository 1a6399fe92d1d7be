/*
 * A program whose own signal handler has itself dumped from outside:
 *   crash HOW WHERE OUTPUT COMMAND ARGUMENT…
 * HOW: null, write-readonly, overflow, divide, illegal, abort, execute. WHERE: main or thread. The handler runs
 *   COMMAND ARGUMENT… dump PID --exception TID,SIGINFO,UCONTEXT -o OUTPUT
 * waits for it, prints `dumper=EXIT-CODE`, and dies of the signal after all. Prints `crash_function=ADDRESS` and its end first.
 *   crash HOW WHERE
 * has no handler: the kernel writes the core.
 */
#include "common.h"
#include <sys/wait.h>
#include <sys/mman.h>

static char **command;
static int command_length;
static const char *output;
static const char *how;

static void handler(int number, siginfo_t *info, void *context) {
  char pid[16], where[96];
  snprintf(pid, sizeof pid, "%d", getpid());
  snprintf(where, sizeof where, "%d,%#lx,%#lx", own_tid(), (unsigned long)info, (unsigned long)context);
  char *arguments[64];
  int n = 0;
  for (int i = 0; i < command_length && n < 50; i++) arguments[n++] = command[i];
  arguments[n++] = "dump";
  arguments[n++] = pid;
  arguments[n++] = "--exception";
  arguments[n++] = where;
  arguments[n++] = "-o";
  arguments[n++] = (char *)output;
  arguments[n] = 0;
  pid_t child = fork();
  if (child == 0) {
    /* The handler runs with the signal blocked; the dumper shall not. */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, 0);
    dup2(2, 1);
    execvp(arguments[0], arguments);
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  char line[64];
  int length = snprintf(line, sizeof line, "dumper=%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status));
  if (write(1, line, (size_t)length) < 0) _exit(4);
  signal(number, SIG_DFL);
  raise(number);
}

NOINLINE int overflow(int depth) {
  volatile char block[4096];
  block[0] = (char)depth;
  int deeper = overflow(depth + 1);
  return deeper + block[0];
}

NOINLINE void crash_here(void) {
  volatile int zero = 0, depth = 100;
  if (!strcmp(how, "null")) *(volatile int *)8 = 1;
  else if (!strcmp(how, "write-readonly")) {
    char *page = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    say("fault=%p", (void *)(page + 16));
    *(volatile char *)(page + 16) = 1;
  } else if (!strcmp(how, "overflow")) zero = overflow(0);
  else if (!strcmp(how, "divide")) zero = depth / zero;
  else if (!strcmp(how, "illegal")) __asm__ volatile("ud2");
  else if (!strcmp(how, "abort")) abort();
  else if (!strcmp(how, "execute")) ((void (*)(void))0x10)();
  else { errno = EINVAL; die(how); }
  KEEP_FRAME();
}
NOINLINE void before_crash(void) { crash_here(); KEEP_FRAME(); }

static void set_alternate_stack(void) {
  stack_t stack = {.ss_size = 256 << 10, .ss_sp = malloc(256 << 10)};
  if (sigaltstack(&stack, 0)) die("sigaltstack");
}

static void *body(void *unused) {
  set_alternate_stack();
  prctl(PR_SET_NAME, "crasher");
  before_crash();
  return unused;
}

int main(int count, char **arguments) {
  if (count != 3 && count < 5) { errno = EINVAL; die("usage: crash HOW WHERE [OUTPUT COMMAND…]"); }
  how = arguments[1];
  /* Where Yama restricts ptrace, a process must name who may dump it. */
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
  if (count > 3) {
    output = arguments[3];
    command = arguments + 4;
    command_length = count - 4;
    for (int i = 0; i < 5; i++) sigaction(numbers[i], &action, 0);
  }
  set_alternate_stack();
  say("crash_function=%p", (void *)crash_here);
  say("before_crash=%p", (void *)before_crash);
  say("READY");
  char line[64];
  if (!read_command(line, sizeof line)) return 0;
  if (!strcmp(arguments[2], "thread")) pthread_join(start_thread(body, 0, 0), 0);
  else before_crash();
  return 0;
}
