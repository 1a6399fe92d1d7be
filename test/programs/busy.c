/*
 * Checks itself while it is being dumped: one thread for each kind of system call of the EINTR table (reference linux-capture, section 1), over and
 * over with short time limits, and some that compute or copy. Signal handlers run on threads of their own only, so each EINTR elsewhere is one that
 * the program should not have seen. `report` prints one line a thread:
 *   NAME=ROUNDS EINTRS ERRORS EARLY SHORT LONGEST-MS
 * ROUNDS how often it went round, ERRORS wrong results, EARLY time limits that ended too soon, SHORT partly done calls (which no tracer can heal).
 * Before READY it says where memory lies that a dump must show: `stamp=` with the text STAMP, `wave=` (busy-memory.h).
 * `busy NAME…` runs only those.
 */
#include "common.h"
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>

#define LIMIT_MS 30
static const struct timespec limit = {0, LIMIT_MS * 1000000};
static const struct timeval limit_tv = {0, LIMIT_MS * 1000};

struct task {
  const char *name;
  void (*round)(struct task *);
  volatile unsigned long rounds, eintrs, errors, early, shorts, longest_ms;
  int fd[2];
  int word;
  int wrong; /* errno of the last error, for stderr */
  unsigned long count;
  aio_context_t aio;
  int semaphores;
  int queue; /* of messages; + 1, so that 0 is none */
  void *ring;
  char *buffer;
  int ready;
};

/* Judges the outcome of a call that must run into its time limit. */
static void timed(struct task *t, long result, long expected, int expected_errno, uint64_t began) {
  int error = errno;
  uint64_t ms = (now_ns() - began) / 1000000;
  if (result < 0 && error == EINTR) t->eintrs++;
  else if (result != expected || (result < 0 && error != expected_errno)) {
    t->errors++;
    t->wrong = error;
  } else if (ms + 1 < LIMIT_MS) t->early++;
  if (ms > t->longest_ms) t->longest_ms = ms;
}
static void must(struct task *t, long result, long expected) {
  if (result == expected) return;
  if (result < 0 && errno == EINTR) t->eintrs++;
  else {
    t->errors++;
    t->wrong = errno;
  }
}
#define TIMED(call, expected, expected_errno) \
  do { uint64_t began = now_ns(); errno = 0; long r = (long)(call); timed(t, r, expected, expected_errno, began); } while (0)

/* The same for a call that ends at a time, `end`: this is read off after the measurement has begun, as a stop may lie in between. */
static struct timespec after_limit(clockid_t clock) {
  struct timespec end;
  clock_gettime(clock, &end);
  end.tv_nsec += limit.tv_nsec;
  if (end.tv_nsec >= 1000000000) end.tv_sec++, end.tv_nsec -= 1000000000;
  return end;
}
#define TIMED_UNTIL(clock, call, expected, expected_errno) \
  do { \
    uint64_t began = now_ns(); \
    struct timespec end = after_limit(clock); \
    errno = 0; \
    long r = (long)(call); \
    timed(t, r, expected, expected_errno, began); \
  } while (0)

static int pair(struct task *t) {
  if (!t->ready) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, t->fd)) die("socketpair");
    setsockopt(t->fd[0], SOL_SOCKET, SO_RCVTIMEO, &limit_tv, sizeof limit_tv);
    setsockopt(t->fd[0], SOL_SOCKET, SO_SNDTIMEO, &limit_tv, sizeof limit_tv);
    t->ready = 1;
  }
  return t->fd[0];
}
static int epoll_fd(struct task *t) {
  if (!t->ready) t->fd[0] = epoll_create1(EPOLL_CLOEXEC), t->ready = 1;
  return t->fd[0];
}
static int semaphores(struct task *t) {
  if (!t->ready) {
    t->semaphores = semget(IPC_PRIVATE, 2, 0600);
    if (t->semaphores < 0) die("semget");
    t->ready = 1;
  }
  return t->semaphores;
}

static void do_epoll_wait(struct task *t) { struct epoll_event e; TIMED(epoll_wait(epoll_fd(t), &e, 1, LIMIT_MS), 0, 0); }
static void do_epoll_pwait(struct task *t) {
  struct epoll_event e;
  sigset_t all;
  sigfillset(&all);
  TIMED(epoll_pwait(epoll_fd(t), &e, 1, LIMIT_MS, &all), 0, 0);
}
static void do_epoll_pwait2(struct task *t) {
  struct epoll_event e;
  /* 64 bits also in a 32-bit program. */
  static const struct { int64_t seconds, nanoseconds; } wide = {0, LIMIT_MS * 1000000};
  TIMED(syscall(SYS_epoll_pwait2, epoll_fd(t), &e, 1, &wide, 0, 8), 0, 0);
}
static void do_poll(struct task *t) { TIMED(poll(0, 0, LIMIT_MS), 0, 0); }
static void do_ppoll(struct task *t) { TIMED(ppoll(0, 0, &limit, 0), 0, 0); }
static void do_select(struct task *t) { struct timeval v = limit_tv; TIMED(select(0, 0, 0, 0, &v), 0, 0); }
static void do_pselect(struct task *t) { TIMED(pselect(0, 0, 0, 0, &limit, 0), 0, 0); }
static void do_nanosleep(struct task *t) { TIMED(nanosleep(&limit, 0), 0, 0); }
static void do_clock_nanosleep(struct task *t) {
  uint64_t began = now_ns();
  struct timespec end = after_limit(CLOCK_MONOTONIC);
  errno = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, 0);
  timed(t, errno ? -1 : 0, 0, 0, began);
}
static void do_futex(struct task *t) {
  TIMED(syscall(SYS_futex, &t->word, FUTEX_WAIT_PRIVATE, 0, &limit, 0, 0), -1, ETIMEDOUT);
}
static void do_cond_timedwait(struct task *t) {
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  uint64_t began = now_ns();
  struct timespec end = after_limit(CLOCK_REALTIME);
  pthread_mutex_lock(&mutex);
  errno = pthread_cond_timedwait(&condition, &mutex, &end);
  pthread_mutex_unlock(&mutex);
  timed(t, errno ? -1 : 0, -1, ETIMEDOUT, began);
}
static void do_sem_timedwait(struct task *t) {
  static sem_t semaphore;
  if (!t->ready) sem_init(&semaphore, 0, 0), t->ready = 1;
  /* glibc itself takes EINTR here from the kernel and gives it on. */
  TIMED_UNTIL(CLOCK_REALTIME, sem_timedwait(&semaphore, &end), -1, ETIMEDOUT);
}
static void do_semtimedop(struct task *t) {
  struct sembuf take = {.sem_num = 0, .sem_op = -1};
  TIMED(semtimedop(semaphores(t), &take, 1, &limit), -1, EAGAIN);
}
static void *sem_giver(void *argument) {
  struct task *t = argument;
  struct sembuf give = {.sem_num = 1, .sem_op = 1};
  for (;;) {
    nanosleep(&limit, 0);
    if (semop(t->semaphores, &give, 1)) return 0;
  }
}
static void do_semop(struct task *t) {
  if (!t->ready) semaphores(t), start_thread(sem_giver, t, 0);
  struct sembuf take = {.sem_num = 1, .sem_op = -1};
  must(t, semop(t->semaphores, &take, 1), 0);
}
static void do_read_rcvtimeo(struct task *t) { char b[8]; TIMED(read(pair(t), b, 8), -1, EAGAIN); }
static void do_recv_rcvtimeo(struct task *t) { char b[8]; TIMED(recv(pair(t), b, 8, 0), -1, EAGAIN); }
static void do_recvmsg_rcvtimeo(struct task *t) {
  char b[8];
  struct iovec v = {b, 8};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  TIMED(recvmsg(pair(t), &m, 0), -1, EAGAIN);
}
static void do_recvmmsg_rcvtimeo(struct task *t) {
  char b[8];
  struct iovec v = {b, 8};
  struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};
  TIMED(recvmmsg(pair(t), &m, 1, 0, 0), -1, EAGAIN);
}
static void do_accept_rcvtimeo(struct task *t) {
  if (!t->ready) {
    struct sockaddr address = {.sa_family = AF_UNIX};
    t->fd[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(t->fd[0], &address, sizeof(sa_family_t)) || listen(t->fd[0], 1)) die("listen");
    setsockopt(t->fd[0], SOL_SOCKET, SO_RCVTIMEO, &limit_tv, sizeof limit_tv);
    t->ready = 1;
  }
  TIMED(accept(t->fd[0], 0, 0), -1, EAGAIN);
}
static void full(struct task *t) {
  if (t->ready) return;
  pair(t);
  char block[4096] = {0};
  while (send(t->fd[0], block, sizeof block, MSG_DONTWAIT) > 0) {}
  while (send(t->fd[0], block, 1, MSG_DONTWAIT) > 0) {}
}
static void do_send_sndtimeo(struct task *t) { full(t); TIMED(send(t->fd[0], "x", 1, 0), -1, EAGAIN); }
static void do_write_sndtimeo(struct task *t) { full(t); TIMED(write(t->fd[0], "x", 1), -1, EAGAIN); }
static void do_sendmsg_sndtimeo(struct task *t) {
  full(t);
  struct iovec v = {"x", 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
  TIMED(sendmsg(t->fd[0], &m, 0), -1, EAGAIN);
}
static void do_connect_sndtimeo(struct task *t) {
  static struct sockaddr_un address;
  static socklen_t length = sizeof address;
  if (!t->ready) {
    struct sockaddr any = {.sa_family = AF_UNIX};
    t->fd[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(t->fd[1], &any, sizeof(sa_family_t)) || listen(t->fd[1], 0)) die("listen");
    getsockname(t->fd[1], (struct sockaddr *)&address, &length);
    /* Fill the queue of the listener, so that the next connect has to wait. */
    for (;;) {
      int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      if (connect(fd, (struct sockaddr *)&address, length)) { close(fd); break; }
    }
    t->fd[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(t->fd[0], SOL_SOCKET, SO_SNDTIMEO, &limit_tv, sizeof limit_tv);
    t->ready = 1;
  }
  TIMED(connect(t->fd[0], (struct sockaddr *)&address, length), -1, EAGAIN);
}
static void do_sigtimedwait(struct task *t) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  TIMED(sigtimedwait(&set, 0, &limit), -1, EAGAIN);
}
static void do_io_getevents(struct task *t) {
  struct io_event event;
  struct timespec l = limit;
  if (!t->ready) {
    if (syscall(SYS_io_setup, 1, &t->aio)) die("io_setup");
    t->ready = 1;
  }
  TIMED(syscall(SYS_io_getevents, t->aio, 1, 1, &event, &l), 0, 0);
}
static void do_timerfd(struct task *t) {
  if (!t->ready) {
    struct itimerspec every = {.it_interval = {0, 10000000}, .it_value = {0, 10000000}};
    t->fd[0] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    timerfd_settime(t->fd[0], 0, &every, 0);
    t->ready = 1;
  }
  uint64_t ticks;
  must(t, read(t->fd[0], &ticks, 8), 8);
}
/* A POSIX timer whose signal is blocked and taken by sigwaitinfo: the signals are real, the EINTRs would not be. */
static void do_timer_signal(struct task *t) {
  static timer_t timer;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN + 3);
  if (!t->ready) {
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3};
    struct itimerspec every = {.it_interval = {0, 10000000}, .it_value = {0, 10000000}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &every, 0)) die("timer_create");
    t->ready = 1;
  }
  must(t, sigwaitinfo(&set, 0), SIGRTMIN + 3);
}

/* Copies through a pipe in pieces that the kernel takes whole, and checks every byte. */
#define PIECE 4096
static unsigned char byte_at(unsigned long position) { return (unsigned char)(position * 2654435761u >> 13); }
static void *piece_writer(void *argument) {
  struct task *t = argument;
  unsigned char piece[PIECE];
  for (unsigned long position = 0;;) {
    for (int i = 0; i < PIECE; i++) piece[i] = byte_at(position + (unsigned long)i);
    ssize_t n = write(t->fd[1], piece, PIECE);
    if (n < 0 && errno == EINTR) t->eintrs++;
    else if (n < 0) t->errors++;
    else {
      if (n != PIECE) t->shorts++;
      position += (unsigned long)n;
    }
  }
  return 0;
}
static void do_pipe_copy(struct task *t) {
  if (!t->ready) {
    if (pipe2(t->fd, O_CLOEXEC)) die("pipe");
    start_thread(piece_writer, t, 0);
    t->ready = 1;
  }
  unsigned char piece[PIECE];
  ssize_t n = read(t->fd[0], piece, PIECE);
  if (n <= 0) must(t, n, PIECE);
  else {
    for (ssize_t i = 0; i < n; i++) {
      if (piece[i] != byte_at(t->count + (unsigned long)i)) {
        t->errors++;
        break;
      }
    }
    t->count += (unsigned long)n;
    /* Not at full speed: there are others. */
    if (t->count % (16 * PIECE) < PIECE) usleep(5000);
  }
}
/* One large write that the reader takes slowly: a stop may shorten it, but no byte may be lost. */
#define LARGE (1 << 20)
static void *slow_reader(void *argument) {
  struct task *t = argument;
  unsigned char piece[PIECE];
  for (unsigned long position = 0;;) {
    ssize_t n = read(t->fd[0], piece, PIECE);
    if (n < 0 && errno == EINTR) t->eintrs++;
    else if (n <= 0) t->errors++;
    else {
      for (ssize_t i = 0; i < n; i++) {
        if (piece[i] != byte_at(position + (unsigned long)i)) {
          t->errors++;
          break;
        }
      }
      position += (unsigned long)n;
      if (position % (32 * PIECE) < PIECE) usleep(6000);
    }
  }
  return 0;
}
static void do_large_write(struct task *t) {
  if (!t->ready) {
    if (pipe2(t->fd, O_CLOEXEC)) die("pipe");
    t->buffer = malloc(LARGE);
    start_thread(slow_reader, t, 0);
    t->ready = 1;
  }
  for (unsigned long i = 0; i < LARGE; i++) t->buffer[i] = (char)byte_at(t->count + i);
  ssize_t n = write(t->fd[1], t->buffer, LARGE);
  if (n < 0) must(t, n, LARGE);
  else {
    if (n != LARGE) t->shorts++;
    t->count += (unsigned long)n;
  }
}
/* Two threads wake each other through a futex. */
static pthread_mutex_t ball_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ball_moved = PTHREAD_COND_INITIALIZER;
static int ball;
static void *returner(void *unused) {
  pthread_mutex_lock(&ball_mutex);
  for (;;) {
    while (ball == 0) pthread_cond_wait(&ball_moved, &ball_mutex);
    ball = 0;
    pthread_cond_broadcast(&ball_moved);
  }
  return unused;
}
static void do_futex_pingpong(struct task *t) {
  if (!t->ready) start_thread(returner, 0, 0), t->ready = 1;
  pthread_mutex_lock(&ball_mutex);
  ball = 1;
  pthread_cond_broadcast(&ball_moved);
  while (ball == 1) pthread_cond_wait(&ball_moved, &ball_mutex);
  pthread_mutex_unlock(&ball_mutex);
  usleep(1000);
}
static void do_wait4(struct task *t) {
  pid_t child = (pid_t)syscall(SYS_fork);
  if (child == 0) {
    syscall(SYS_nanosleep, &limit, 0);
    syscall(SYS_exit_group, 7);
  }
  int status = 0;
  must(t, waitpid(child, &status, 0), child);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 7) t->errors++;
}
static void do_flock(struct task *t) {
  if (!t->ready) {
    t->fd[0] = (int)syscall(SYS_memfd_create, "lock", 1);
    t->ready = 1;
  }
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
  must(t, fcntl(t->fd[0], F_OFD_SETLKW, &lock), 0);
  lock.l_type = F_UNLCK;
  must(t, fcntl(t->fd[0], F_OFD_SETLKW, &lock), 0);
  usleep(2000);
}
/* Values in vector registers, rounding mode and thread-local storage must live through any stop. */
#ifdef __x86_64__
#define MOVE "movq"
#else
#define MOVE "movd"
#endif
static _Thread_local unsigned long local_value;
static void do_registers(struct task *t) {
  static const unsigned long pattern[2] = {(unsigned long)0x0123456789abcdefull, (unsigned long)0xfedcba9876543210ull};
  unsigned long low, high;
  unsigned mode = 0x3f80, mode_after, normal = 0x1f80;
  local_value = 0x10ca1 + t->rounds;
  for (int i = 0; i < 50; i++) {
    __asm__ volatile(
        "movups %[pattern], %%xmm7\nldmxcsr %[mode]\nmov $200, %%ecx\n1: pause\ndec %%ecx\njnz 1b\n"
        MOVE " %%xmm7, %[low]\npsrldq %[size], %%xmm7\n" MOVE " %%xmm7, %[high]\nstmxcsr %[after]\nldmxcsr %[normal]\n"
        : [low] "=r"(low), [high] "=r"(high), [after] "=m"(mode_after)
        : [pattern] "m"(pattern), [size] "i"(sizeof low), [mode] "m"(mode), [normal] "m"(normal)
        : "xmm7", "ecx", "cc");
    if (low != pattern[0] || high != pattern[1] || (mode_after & 0xffc0) != (mode & 0xffc0)) t->errors++;
  }
  if (local_value != 0x10ca1 + t->rounds) t->errors++;
  usleep(8000);
}

#include "busy-files.h"
#include "busy-memory.h"
#include "busy-queues.h"
#include "busy-signals.h"
#include "busy-uring.h"

static struct task tasks[] = {
    {.name = "epoll_wait", .round = do_epoll_wait},
    {.name = "epoll_pwait", .round = do_epoll_pwait},
    {.name = "epoll_pwait2", .round = do_epoll_pwait2},
    {.name = "poll", .round = do_poll},
    {.name = "ppoll", .round = do_ppoll},
    {.name = "select", .round = do_select},
    {.name = "pselect", .round = do_pselect},
    {.name = "nanosleep", .round = do_nanosleep},
    {.name = "clock_nanosleep", .round = do_clock_nanosleep},
    {.name = "futex", .round = do_futex},
    {.name = "cond_timedwait", .round = do_cond_timedwait},
    {.name = "sem_timedwait", .round = do_sem_timedwait},
    {.name = "semtimedop", .round = do_semtimedop},
    {.name = "semop", .round = do_semop},
    {.name = "read-rcvtimeo", .round = do_read_rcvtimeo},
    {.name = "recv-rcvtimeo", .round = do_recv_rcvtimeo},
    {.name = "recvmsg-rcvtimeo", .round = do_recvmsg_rcvtimeo},
    {.name = "recvmmsg-rcvtimeo", .round = do_recvmmsg_rcvtimeo},
    {.name = "accept-rcvtimeo", .round = do_accept_rcvtimeo},
    {.name = "send-sndtimeo", .round = do_send_sndtimeo},
    {.name = "write-sndtimeo", .round = do_write_sndtimeo},
    {.name = "sendmsg-sndtimeo", .round = do_sendmsg_sndtimeo},
    {.name = "connect-sndtimeo", .round = do_connect_sndtimeo},
    {.name = "sigtimedwait", .round = do_sigtimedwait},
    {.name = "io_getevents", .round = do_io_getevents},
    {.name = "timerfd", .round = do_timerfd},
    {.name = "timer-signal", .round = do_timer_signal},
    {.name = "pipe-copy", .round = do_pipe_copy},
    {.name = "large-write", .round = do_large_write},
    {.name = "futex-pingpong", .round = do_futex_pingpong},
    {.name = "wait4", .round = do_wait4},
    {.name = "fcntl-lock", .round = do_flock},
    {.name = "registers", .round = do_registers},
    {.name = "futex-waitv", .round = do_futex_waitv},
    {.name = "mq-receive", .round = do_mq_receive},
    {.name = "msgrcv", .round = do_msgrcv},
    {.name = "msgsnd", .round = do_msgsnd},
    {.name = "splice", .round = do_splice},
    {.name = "vfork-exec", .round = do_vfork_exec},
    {.name = "eventfd", .round = do_eventfd},
    {.name = "inotify", .round = do_inotify},
    {.name = "signalfd", .round = do_signalfd},
    {.name = "uring-wait", .round = do_uring_wait},
    {.name = "uring-submit", .round = do_uring_submit},
    {.name = "uring-worker", .round = do_uring_worker},
    {.name = "handler", .round = do_handler},
    {.name = "wave", .round = do_wave},
#ifdef __x86_64__
    {.name = "wide-registers", .round = do_wide_registers},
    {.name = "rseq", .round = do_rseq},
    {.name = "single-step", .round = do_single_step},
#endif
};
#define TASKS ((int)(sizeof tasks / sizeof *tasks))
static int chosen[TASKS];

static void *body(void *argument) {
  struct task *t = argument;
  char name[16];
  snprintf(name, sizeof name, "%s", t->name);
  prctl(PR_SET_NAME, name);
  for (;;) {
    t->round(t);
    t->rounds++;
  }
  return 0;
}
static void report(const char *line) {
  (void)line;
  for (int i = 0; i < TASKS; i++) {
    struct task *t = &tasks[i];
    if (!chosen[i]) continue;
    say("%s=%lu %lu %lu %lu %lu %lu", t->name, t->rounds, t->eintrs, t->errors, t->early, t->shorts, t->longest_ms);
    if (t->errors) fprintf(stderr, "%s: last error: %s\n", t->name, strerror(t->wrong));
  }
}
/* What belongs to System V outlives the process unless it is removed. */
static void remove_ipc(void) {
  for (int i = 0; i < TASKS; i++) {
    if (tasks[i].semaphores) semctl(tasks[i].semaphores, 0, IPC_RMID);
    if (tasks[i].queue) msgctl(tasks[i].queue - 1, IPC_RMID, 0);
  }
}

int main(int count, char **arguments) {
  if (count == 3 && !strcmp(arguments[1], EXECUTED)) _exit(atoi(arguments[2]));
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  sigaddset(&blocked, SIGRTMIN + 3);
  sigaddset(&blocked, SIGNALFD_SIGNAL);
  sigaddset(&blocked, HANDLED_SIGNAL);
  pthread_sigmask(SIG_BLOCK, &blocked, 0);
  for (int i = 0; i < TASKS; i++) {
    chosen[i] = count == 1;
    for (int k = 1; k < count; k++) chosen[i] |= !strcmp(arguments[k], tasks[i].name);
    if (chosen[i]) start_thread(body, &tasks[i], 256 << 10);
  }
  say("stamp=%p %zu", (void *)stamp, sizeof stamp);
  say("wave=%p %zu", (void *)wave, sizeof wave);
  char line[256];
  say("READY");
  while (read_command(line, sizeof line) && strcmp(line, "quit")) {
    if (!strcmp(line, "report")) report(line);
    say("END");
  }
  remove_ipc();
  _exit(0);
}
