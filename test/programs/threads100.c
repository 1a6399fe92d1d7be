/*
 * 100 threads (99 and the main one), each named differently and blocked in some call three frames deep.
 *
 * Threads of the kind `raw` make the system call themselves with values of our choosing in every register that the
 * call leaves alone: rbx, rbp, r12 … r15, xmm0 … xmm15 and mxcsr. So a dump can be checked without another debugger.
 * Prints for each thread: `thread=TID NAME raw|libc CALL SEED MARKER-ADDRESS MARKER-TEXT`.
 */
#include "common.h"
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <linux/futex.h>

#define WORKERS 99

/*
 * long held_call(const long arguments[7], unsigned long seed): makes system call arguments[0] again and again until it
 * gives something other than -EINTR. Meanwhile rbx = seed|1, rbp = seed|2, r12 = seed|12 … r15 = seed|15,
 * xmmN = { seed|16+N, ~(seed|16+N) }, mxcsr = 0x3f80 (round down).
 */
long held_call(const long *arguments, unsigned long seed);
#define PUSH(r) "push %" #r "\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset %" #r ", 0\n"
#define POP(r) "pop %" #r "\n.cfi_adjust_cfa_offset -8\n.cfi_restore %" #r "\n"
#define XMM(n, k) \
  "lea " #k "(%rsi), %rax\nmovq %rax, %xmm" #n "\nnot %rax\nmovq %rax, %xmm15\n" \
  "punpcklqdq %xmm15, %xmm" #n "\n"
__asm__(
    ".text\n.globl held_call\n.type held_call, @function\nheld_call:\n.cfi_startproc\n"
    PUSH(rbp) PUSH(rbx) PUSH(r12) PUSH(r13) PUSH(r14) PUSH(r15)
    "sub $24, %rsp\n.cfi_adjust_cfa_offset 24\n"
    "stmxcsr 8(%rsp)\n"
    "movl $0x3f80, 12(%rsp)\nldmxcsr 12(%rsp)\n"
    XMM(0, 16) XMM(1, 17) XMM(2, 18) XMM(3, 19) XMM(4, 20) XMM(5, 21) XMM(6, 22) XMM(7, 23)
    XMM(8, 24) XMM(9, 25) XMM(10, 26) XMM(11, 27) XMM(12, 28) XMM(13, 29) XMM(14, 30)
    /* The last one served as scratch: build it through the stack. */
    "lea 31(%rsi), %rax\nmovq %rax, (%rsp)\nmovq %rax, %xmm15\nnot %rax\nmovq %rax, (%rsp)\nmovhps (%rsp), %xmm15\n"
    "lea 1(%rsi), %rbx\nlea 2(%rsi), %rbp\n"
    "lea 12(%rsi), %r12\nlea 13(%rsi), %r13\nlea 14(%rsi), %r14\nlea 15(%rsi), %r15\n"
    "mov 0(%rdi), %rax\nmov %rax, (%rsp)\n"
    "mov 16(%rdi), %rsi\nmov 24(%rdi), %rdx\nmov 32(%rdi), %r10\nmov 40(%rdi), %r8\nmov 48(%rdi), %r9\n"
    "mov 8(%rdi), %rdi\n"
    "1: mov (%rsp), %rax\nsyscall\ncmp $-4, %rax\nje 1b\n"
    "ldmxcsr 8(%rsp)\n"
    "add $24, %rsp\n.cfi_adjust_cfa_offset -24\n"
    POP(r15) POP(r14) POP(r13) POP(r12) POP(rbx) POP(rbp)
    "ret\n.cfi_endproc\n.size held_call, .-held_call\n");

struct worker {
  int index;
  char name[16];
  const char *call;
  int raw;
  unsigned long seed;
  pid_t tid;
  const char *marker;
  sem_t started;
};
static struct worker workers[WORKERS];
static sigset_t waited_for;
static pthread_mutex_t locked = PTHREAD_MUTEX_INITIALIZER;

static int pipe_end(void) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) die("pipe");
  return ends[0];
}
static int socket_end(void) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) die("socketpair");
  return ends[0];
}
static int listening_socket(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  /* An abstract name that the kernel picks. */
  struct sockaddr address = {.sa_family = AF_UNIX};
  if (fd < 0 || bind(fd, &address, sizeof(sa_family_t)) || listen(fd, 1)) die("listen");
  return fd;
}

static const char *const raw_calls[] = {"read-pipe", "poll", "nanosleep", "pause", "futex", "futex-timeout", "epoll_wait",
    "ppoll", "pselect6", "rt_sigtimedwait", "recvfrom", "accept", "clock_nanosleep-absolute", "read-eventfd",
    "rt_sigsuspend", "select"};
static const char *const libc_calls[] = {"pthread_cond_wait", "pthread_mutex_lock", "sem_wait", "nanosleep", "poll", "sigwait",
    "read-pipe"};
#define COUNT(a) (sizeof(a) / sizeof *(a))

static NOINLINE void block_raw(struct worker *w) {
  struct timespec day = {86400, 0}, end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  end.tv_sec += 86400;
  int word = 0;
  char buffer[64];
  struct epoll_event event;
  sigset_t none;
  sigemptyset(&none);
  long a[7] = {0};
  const char *c = w->call;
#define CALL(...) do { long values[] = {__VA_ARGS__}; memcpy(a, values, sizeof values); } while (0)
  if (!strcmp(c, "read-pipe")) CALL(SYS_read, pipe_end(), (long)buffer, 64);
  else if (!strcmp(c, "poll")) CALL(SYS_poll, 0, 0, -1);
  else if (!strcmp(c, "nanosleep")) CALL(SYS_nanosleep, (long)&day, 0);
  else if (!strcmp(c, "pause")) CALL(SYS_pause);
  else if (!strcmp(c, "futex")) CALL(SYS_futex, (long)&word, FUTEX_WAIT_PRIVATE, 0, 0);
  else if (!strcmp(c, "futex-timeout")) CALL(SYS_futex, (long)&word, FUTEX_WAIT_PRIVATE, 0, (long)&day);
  else if (!strcmp(c, "epoll_wait")) CALL(SYS_epoll_wait, epoll_create1(EPOLL_CLOEXEC), (long)&event, 1, -1);
  else if (!strcmp(c, "ppoll")) CALL(SYS_ppoll, 0, 0, 0, 0, 8);
  else if (!strcmp(c, "pselect6")) CALL(SYS_pselect6, 0, 0, 0, 0, 0, 0);
  else if (!strcmp(c, "rt_sigtimedwait")) CALL(SYS_rt_sigtimedwait, (long)&waited_for, 0, (long)&day, 8);
  else if (!strcmp(c, "recvfrom")) CALL(SYS_recvfrom, socket_end(), (long)buffer, 64, 0, 0, 0);
  else if (!strcmp(c, "accept")) CALL(SYS_accept, listening_socket(), 0, 0);
  else if (!strcmp(c, "clock_nanosleep-absolute")) CALL(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, (long)&end, 0);
  else if (!strcmp(c, "read-eventfd")) CALL(SYS_read, eventfd(0, EFD_CLOEXEC), (long)buffer, 8);
  else if (!strcmp(c, "rt_sigsuspend")) CALL(SYS_rt_sigsuspend, (long)&waited_for, 8);
  else if (!strcmp(c, "select")) CALL(SYS_select, 0, 0, 0, 0, 0);
  else { errno = EINVAL; die(c); }
  sem_post(&w->started);
  for (;;) held_call(a, w->seed);
}

static NOINLINE void block_libc(struct worker *w) {
  const char *c = w->call;
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  sem_t semaphore;
  char buffer[64];
  int fd = pipe_end(), number;
  sem_init(&semaphore, 0, 0);
  sem_post(&w->started);
  for (;;) {
    if (!strcmp(c, "pthread_cond_wait")) {
      pthread_mutex_lock(&mutex);
      pthread_cond_wait(&condition, &mutex);
      pthread_mutex_unlock(&mutex);
    } else if (!strcmp(c, "pthread_mutex_lock")) pthread_mutex_lock(&locked);
    else if (!strcmp(c, "sem_wait")) sem_wait(&semaphore);
    /* Not sleep(): at each stop the kernel writes the remaining time where that one wants it, and the stack would change. */
    else if (!strcmp(c, "nanosleep")) nanosleep(&(struct timespec){86400, 0}, 0);
    else if (!strcmp(c, "poll")) poll(0, 0, -1);
    else if (!strcmp(c, "sigwait")) sigwait(&waited_for, &number);
    else if (read(fd, buffer, 64) == 0) die("read");
  }
}

NOINLINE void innermost(struct worker *w) {
  volatile char marker[32];
  snprintf((char *)marker, sizeof marker, "<marker of thread %02d>", w->index);
  w->marker = (const char *)marker;
  if (w->raw) block_raw(w);
  else block_libc(w);
  KEEP_FRAME();
}
NOINLINE void middle(struct worker *w) { innermost(w); KEEP_FRAME(); }
NOINLINE void outermost(struct worker *w) { middle(w); KEEP_FRAME(); }

static void *body(void *argument) {
  struct worker *w = argument;
  w->tid = own_tid();
  prctl(PR_SET_NAME, w->name);
  outermost(w);
  return 0;
}

int main(void) {
  sigemptyset(&waited_for);
  sigaddset(&waited_for, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &waited_for, 0);
  pthread_mutex_lock(&locked);
  for (int i = 0; i < WORKERS; i++) {
    struct worker *w = &workers[i];
    w->index = i;
    w->raw = i % 4 != 3;
    w->call = w->raw ? raw_calls[i % COUNT(raw_calls)] : libc_calls[i / 4 % COUNT(libc_calls)];
    w->seed = 0x5eed000000000000ul | (unsigned long)i << 32;
    snprintf(w->name, sizeof w->name, "%.10s %02d", w->call, i);
    sem_init(&w->started, 0, 0);
    start_thread(body, w, 128 << 10);
    sem_wait(&w->started);
  }
  for (int i = 0; i < WORKERS; i++) {
    struct worker *w = &workers[i];
    say("thread=%d|%s|%s|%s|%#lx|%p|%s", w->tid, w->name, w->raw ? "raw" : "libc", w->call, w->seed, (void *)w->marker,
        w->marker);
  }
  serve(0);
}
