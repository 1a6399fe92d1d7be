/*
 * Signals that a program handles or ignores, counted: handled KIND COUNT. Prints READY, waits for a line, and prints `name=value` lines of what
 * it saw; ends with 0.
 */
#include "common.h"
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/wait.h>

static long count;
static atomic_long seen, wrong;

static void catch(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigaction(number, &action, 0);
}
static void block(int number, int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  pthread_sigmask(how, &set, 0);
}

/* ---- Faults that are handled: a long jump out of them, or memory that is made writable. */

static sigjmp_buf before;
static char *volatile page;

static void jumps(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  if (info->si_addr != page) wrong++;
  seen++;
  siglongjmp(before, 1);
}
static void faults(void) {
  page = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  catch(SIGSEGV, jumps, 0);
  for (volatile long i = 0; i < count; i++)
    if (sigsetjmp(before, 1) == 0) *(volatile char *)page = 1;
}

static void allows(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
  seen++;
  mprotect(page, 4096, PROT_READ | PROT_WRITE);
}
static void barriers(void) {
  page = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  catch(SIGSEGV, allows, 0);
  for (long i = 0; i < count; i++) {
    mprotect(page, 4096, PROT_NONE);
    *(volatile char *)page = (char)i;
    if (*(volatile char *)page != (char)i) wrong++;
  }
}

/* ---- Signals that are sent. */

static void counts(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  seen++;
  if (info->si_pid != getpid()) wrong++;
}
static void *raises(void *number) {
  for (long i = 0; i < count; i++) {
    long had = seen;
    raise((int)(long)number);
    if (seen == had) wrong++;
  }
  return 0;
}
static void raised(void) {
  catch(SIGUSR1, counts, 0);
  raises((void *)SIGUSR1);
}
static void raised_by_two(void) {
  catch(SIGUSR1, counts, 0);
  catch(SIGPROF, counts, 0);
  pthread_t other = start_thread(raises, (void *)SIGPROF, 0);
  raises((void *)SIGUSR1);
  pthread_join(other, 0);
}

/* Those that wait come in their order, each with its value. */
static void follows(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  if (info->si_value.sival_int != seen || info->si_code != SI_QUEUE || info->si_pid != getpid()) wrong++;
  seen++;
}
static void queued(void) {
  catch(SIGRTMIN + 3, follows, 0);
  for (int value = 0; value < count;) {
    block(SIGRTMIN + 3, SIG_BLOCK);
    for (int i = 0; i < 500 && value < count; i++, value++)
      if (sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = value})) die("sigqueue");
    block(SIGRTMIN + 3, SIG_UNBLOCK);
  }
}

/* The same without a handler. */
static void waited(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 3);
  pthread_sigmask(SIG_BLOCK, &set, 0);
  for (int value = 0; value < count; value++) {
    siginfo_t info;
    if (sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = value})) die("sigqueue");
    if (sigwaitinfo(&set, &info) < 0 || info.si_value.sival_int != value) wrong++;
    seen++;
  }
}

/* ---- Children that end while a call waits: nobody wants to hear of it, and no call may be interrupted for it. */

static atomic_int over;
static atomic_long interrupted, children;

static void *makes_children(void *unused) {
  /* For the threads that wait. */
  block(SIGCHLD, SIG_BLOCK);
  for (long i = 0; i < count; i++) {
    pid_t child = fork();
    if (child == 0) _exit(0);
    if (child < 0) die("fork");
    if (waitpid(child, 0, 0) < 0 && errno != ECHILD) wrong++;
    children++;
  }
  over = 1;
  return unused;
}
static void *waits(void *epoll) {
  struct epoll_event event;
  while (!over)
    if (epoll_wait(*(int *)epoll, &event, 1, 20) < 0 && errno == EINTR) interrupted++;
  return 0;
}
/* Signals that do nothing, by default or because the program said so. */
static void *sends_ignored(void *unused) {
  static const int numbers[] = {SIGCHLD, SIGURG, SIGWINCH, SIGUSR2};
  /* For the one thread that waits: a second one may be woken for a signal that the first one takes (docs/watching.md). */
  for (int i = 0; i < 4; i++) block(numbers[i], SIG_BLOCK);
  for (long i = 0; i < count; i++) {
    if (kill(getpid(), numbers[i % 4])) die("kill");
    usleep(100);
    children++;
  }
  over = 1;
  return unused;
}
static void waits_for(void *(*other)(void *)) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  pthread_t maker = start_thread(other, 0, 0);
  waits(&epoll);
  pthread_join(maker, 0);
  seen = children;
  say("interrupted=%ld", (long)interrupted);
}
static void ignored(void) {
  signal(SIGUSR2, SIG_IGN);
  waits_for(sends_ignored);
}
static void children_end(void) { waits_for(makes_children); }
static void children_ignored(void) {
  signal(SIGCHLD, SIG_IGN);
  children_end();
}
static void ends(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
}
/* Here each call that is interrupted is interrupted for a handler; SA_RESTART does not help epoll_wait. */
static void children_handled(void) {
  catch(SIGCHLD, ends, SA_RESTART);
  children_end();
}

/* An interval timer against a call that the kernel restarts, and one that it does not. */
static void ticks(int number, siginfo_t *info, void *context) {
  (void)number, (void)info, (void)context;
  seen++;
}
static void timer(void) {
  catch(SIGALRM, ticks, SA_RESTART);
  timer_t id;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
  if (timer_create(CLOCK_MONOTONIC, &event, &id)) die("timer_create");
  struct itimerspec every = {.it_interval = {.tv_nsec = 2000000}, .it_value = {.tv_nsec = 2000000}};
  timer_settime(id, 0, &every, 0);
  int ends_of[2];
  char byte;
  if (pipe(ends_of)) die("pipe");
  long short_sleeps = 0;
  for (long i = 0; i < count; i++) {
    struct timespec rest = {.tv_nsec = 10000000};
    while (nanosleep(&rest, &rest)) short_sleeps++;
  }
  if (write(ends_of[1], "x", 1) != 1 || read(ends_of[0], &byte, 1) != 1) wrong++;
  say("interrupted_sleeps=%d", short_sleeps >= count);
  say("ticked=%d", seen >= count);
  seen = 0;
}

static const struct {
  const char *name;
  void (*run)(void);
} kinds[] = {
    {"faults", faults},
    {"barriers", barriers},
    {"raised", raised},
    {"raised-by-two", raised_by_two},
    {"queued", queued},
    {"waited", waited},
    {"ignored", ignored},
    {"children-ignored", children_ignored},
    {"children-handled", children_handled},
    {"timer", timer},
};

int main(int length, char **words) {
  if (length != 3) return 2;
  count = atol(words[2]);
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  say("READY");
  char line[16];
  if (!read_command(line, sizeof line)) return 2;
  for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(words[1], kinds[i].name)) continue;
    kinds[i].run();
    say("seen=%ld", (long)seen);
    say("wrong=%ld", (long)wrong);
    return 0;
  }
  return 2;
}
