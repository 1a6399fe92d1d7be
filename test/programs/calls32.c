/*
 * For gcc -m32: the system calls of the EINTR table by their i386 numbers, made directly, as no C library makes all of them: the newer direct
 * ones and the older ones that share one number (socketcall, ipc), with 32-bit times and with 64-bit ones. One thread each, over
 * and over with a short time limit. `report` prints a line a thread: NAME=ROUNDS EINTRS ERRORS EARLY, as busy.c does.
 */
#include "common.h"
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>

#define LIMIT_MS 30
struct old_time { int32_t s, ns; };
struct new_time { int64_t s, ns; };
static const struct old_time old_limit = {0, LIMIT_MS * 1000000};
static const struct new_time new_limit = {0, LIMIT_MS * 1000000};
static const struct timeval limit_tv = {0, LIMIT_MS * 1000};

struct task {
  const char *name;
  long number;
  /* Makes the call. */
  long (*call)(struct task *);
  long expected;
  int expected_errno;
  volatile unsigned long rounds, eintrs, errors, early;
  int wrong, fd, semaphores;
  unsigned long aio;
  struct sockaddr_un address;
  socklen_t address_length;
};

static int receiver(void) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) die("socketpair");
  setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit_tv, sizeof limit_tv);
  setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &limit_tv, sizeof limit_tv);
  return ends[0];
}
static int sender(void) {
  int fd = receiver();
  char block[4096] = {0};
  while (send(fd, block, sizeof block, MSG_DONTWAIT) > 0) {}
  while (send(fd, block, 1, MSG_DONTWAIT) > 0) {}
  return fd;
}
static int listener(struct task *t, int queue) {
  struct sockaddr any = {.sa_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(fd, &any, sizeof(sa_family_t)) || listen(fd, queue)) die("listen");
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit_tv, sizeof limit_tv);
  t->address_length = sizeof t->address;
  getsockname(fd, (struct sockaddr *)&t->address, &t->address_length);
  return fd;
}
static int connector(struct task *t) {
  listener(t, 0);
  for (;;) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connect(fd, (struct sockaddr *)&t->address, t->address_length)) { close(fd); break; }
  }
  return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}
#define ONCE(make) do { if (!t->fd) t->fd = (make); } while (0)

static char byte;
static struct iovec vector = {&byte, 1};

static long epoll_old(struct task *t) {
  struct epoll_event e;
  ONCE(epoll_create1(EPOLL_CLOEXEC));
  return syscall(t->number, t->fd, &e, 1, LIMIT_MS, 0, 8);
}
static long epoll_new(struct task *t) {
  struct epoll_event e;
  ONCE(epoll_create1(EPOLL_CLOEXEC));
  return syscall(t->number, t->fd, &e, 1, &new_limit, 0, 8);
}
static void need_semaphores(struct task *t) {
  if (!t->semaphores && (t->semaphores = semget(IPC_PRIVATE, 1, 0600)) < 0) die("semget");
}
/* ipc(SEMTIMEDOP) */
static long ipc_semtimedop(struct task *t) {
  struct sembuf take = {.sem_op = -1};
  need_semaphores(t);
  return syscall(t->number, 4, t->semaphores, 1, 0, &take, &old_limit);
}
static void *giver(void *argument) {
  struct task *t = argument;
  struct sembuf give = {.sem_op = 1};
  do usleep(LIMIT_MS * 1000); while (!semop(t->semaphores, &give, 1));
  return 0;
}
/* ipc(SEMOP) */
static long ipc_semop(struct task *t) {
  struct sembuf take = {.sem_op = -1};
  if (!t->semaphores) need_semaphores(t), start_thread(giver, t, 0);
  return syscall(t->number, 1, t->semaphores, 1, 0, &take);
}
static long semtimedop_64(struct task *t) {
  struct sembuf take = {.sem_op = -1};
  need_semaphores(t);
  return syscall(t->number, t->semaphores, &take, 1, &new_limit);
}
static long do_read(struct task *t) { ONCE(receiver()); return syscall(t->number, t->fd, &byte, 1); }
static long do_readv(struct task *t) { ONCE(receiver()); return syscall(t->number, t->fd, &vector, 1); }
static long do_write(struct task *t) { ONCE(sender()); return syscall(t->number, t->fd, &byte, 1); }
static long do_writev(struct task *t) { ONCE(sender()); return syscall(t->number, t->fd, &vector, 1); }
static long do_recvfrom(struct task *t) { ONCE(receiver()); return syscall(t->number, t->fd, &byte, 1, 0, 0, 0); }
static long do_sendto(struct task *t) { ONCE(sender()); return syscall(t->number, t->fd, &byte, 1, 0, 0, 0); }
static long do_recvmsg(struct task *t) {
  struct msghdr m = {.msg_iov = &vector, .msg_iovlen = 1};
  ONCE(receiver());
  return syscall(t->number, t->fd, &m, 0);
}
static long do_sendmsg(struct task *t) {
  struct msghdr m = {.msg_iov = &vector, .msg_iovlen = 1};
  ONCE(sender());
  return syscall(t->number, t->fd, &m, 0);
}
static long do_recvmmsg(struct task *t) {
  struct mmsghdr m = {.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}};
  ONCE(receiver());
  return syscall(t->number, t->fd, &m, 1, 0, 0);
}
static long do_accept4(struct task *t) { ONCE(listener(t, 1)); return syscall(t->number, t->fd, 0, 0, 0); }
static long do_connect(struct task *t) {
  if (!t->fd) {
    t->fd = connector(t);
    setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &limit_tv, sizeof limit_tv);
  }
  return syscall(t->number, t->fd, &t->address, t->address_length);
}
/* socketcall: accept 5, recv 10, recvfrom 12, recvmsg 17, recvmmsg 19, accept4 18, connect 3, send 9, sendto 11, sendmsg 16. */
static long multiplexed(struct task *t, int which, long a, long b, long c, long d) {
  long arguments[6] = {t->fd, a, b, c, d, 0};
  return syscall(t->number, which, arguments);
}
static long sc_recv(struct task *t) { ONCE(receiver()); return multiplexed(t, 10, (long)&byte, 1, 0, 0); }
static long sc_recvfrom(struct task *t) { ONCE(receiver()); return multiplexed(t, 12, (long)&byte, 1, 0, 0); }
static long sc_recvmsg(struct task *t) {
  struct msghdr m = {.msg_iov = &vector, .msg_iovlen = 1};
  ONCE(receiver());
  return multiplexed(t, 17, (long)&m, 0, 0, 0);
}
static long sc_recvmmsg(struct task *t) {
  struct mmsghdr m = {.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}};
  ONCE(receiver());
  return multiplexed(t, 19, (long)&m, 1, 0, 0);
}
static long sc_accept(struct task *t) { ONCE(listener(t, 1)); return multiplexed(t, 5, 0, 0, 0, 0); }
static long sc_send(struct task *t) { ONCE(sender()); return multiplexed(t, 9, (long)&byte, 1, 0, 0); }
static long sc_sendto(struct task *t) { ONCE(sender()); return multiplexed(t, 11, (long)&byte, 1, 0, 0); }
static long sc_sendmsg(struct task *t) {
  struct msghdr m = {.msg_iov = &vector, .msg_iovlen = 1};
  ONCE(sender());
  return multiplexed(t, 16, (long)&m, 0, 0, 0);
}
static long sc_connect(struct task *t) {
  if (!t->fd) {
    t->fd = connector(t);
    setsockopt(t->fd, SOL_SOCKET, SO_SNDTIMEO, &limit_tv, sizeof limit_tv);
  }
  return multiplexed(t, 3, (long)&t->address, (long)t->address_length, 0, 0);
}
static long sigtimedwait_old(struct task *t) {
  uint64_t set = 1ull << (SIGUSR2 - 1);
  return syscall(t->number, &set, 0, &old_limit, 8);
}
static long sigtimedwait_new(struct task *t) {
  uint64_t set = 1ull << (SIGUSR2 - 1);
  return syscall(t->number, &set, 0, &new_limit, 8);
}
static void need_aio(struct task *t) {
  if (!t->aio && syscall(SYS_io_setup, 1, &t->aio)) die("io_setup");
}
static long getevents_old(struct task *t) {
  char event[32];
  struct old_time limit = old_limit;
  need_aio(t);
  return syscall(t->number, t->aio, 1, 1, event, &limit, 0);
}
static long getevents_new(struct task *t) {
  char event[32];
  struct new_time limit = new_limit;
  need_aio(t);
  return syscall(t->number, t->aio, 1, 1, event, &limit, 0);
}
/* IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, waiting for one completion that never comes. */
static long uring_enter(struct task *t) {
  struct { uint64_t mask; uint32_t size, pad; uint64_t time; } extra = {0, 8, 0, (uintptr_t)&new_limit};
  if (!t->fd) {
    uint32_t parameters[30] = {0};
    t->fd = (int)syscall(425, 1, parameters);
    if (t->fd < 0) die("io_uring_setup");
  }
  return syscall(t->number, t->fd, 0, 1, 1 | 8, &extra, sizeof extra);
}

static struct task tasks[] = {
    {.name = "epoll_wait", .number = 256, .call = epoll_old},
    {.name = "epoll_pwait", .number = 319, .call = epoll_old},
    {.name = "epoll_pwait2", .number = 441, .call = epoll_new},
    {.name = "ipc-semtimedop", .number = 117, .call = ipc_semtimedop, .expected = -1, .expected_errno = EAGAIN},
    {.name = "ipc-semop", .number = 117, .call = ipc_semop},
    {.name = "semtimedop-64", .number = 420, .call = semtimedop_64, .expected = -1, .expected_errno = EAGAIN},
    {.name = "read", .number = 3, .call = do_read, .expected = -1, .expected_errno = EAGAIN},
    {.name = "readv", .number = 145, .call = do_readv, .expected = -1, .expected_errno = EAGAIN},
    {.name = "write", .number = 4, .call = do_write, .expected = -1, .expected_errno = EAGAIN},
    {.name = "writev", .number = 146, .call = do_writev, .expected = -1, .expected_errno = EAGAIN},
    {.name = "recvfrom", .number = 371, .call = do_recvfrom, .expected = -1, .expected_errno = EAGAIN},
    {.name = "recvmsg", .number = 372, .call = do_recvmsg, .expected = -1, .expected_errno = EAGAIN},
    {.name = "recvmmsg", .number = 337, .call = do_recvmmsg, .expected = -1, .expected_errno = EAGAIN},
    {.name = "recvmmsg-64", .number = 417, .call = do_recvmmsg, .expected = -1, .expected_errno = EAGAIN},
    {.name = "accept4", .number = 364, .call = do_accept4, .expected = -1, .expected_errno = EAGAIN},
    {.name = "connect", .number = 362, .call = do_connect, .expected = -1, .expected_errno = EAGAIN},
    {.name = "sendto", .number = 369, .call = do_sendto, .expected = -1, .expected_errno = EAGAIN},
    {.name = "sendmsg", .number = 370, .call = do_sendmsg, .expected = -1, .expected_errno = EAGAIN},
    {.name = "socketcall-recv", .number = 102, .call = sc_recv, .expected = -1, .expected_errno = EAGAIN},
    {.name = "socketcall-recvfrom", .number = 102, .call = sc_recvfrom, .expected = -1, .expected_errno = EAGAIN},
    {.name = "socketcall-recvmsg", .number = 102, .call = sc_recvmsg, .expected = -1, .expected_errno = EAGAIN},
    {.name = "socketcall-recvmmsg", .number = 102, .call = sc_recvmmsg, .expected = -1, .expected_errno = EAGAIN},
    {.name = "socketcall-accept", .number = 102, .call = sc_accept, .expected = -1, .expected_errno = EAGAIN},
    {.name = "socketcall-connect", .number = 102, .call = sc_connect, .expected = -1, .expected_errno = EAGAIN},
    {.name = "socketcall-send", .number = 102, .call = sc_send, .expected = -1, .expected_errno = EAGAIN},
    {.name = "socketcall-sendto", .number = 102, .call = sc_sendto, .expected = -1, .expected_errno = EAGAIN},
    {.name = "socketcall-sendmsg", .number = 102, .call = sc_sendmsg, .expected = -1, .expected_errno = EAGAIN},
    {.name = "rt_sigtimedwait", .number = 177, .call = sigtimedwait_old, .expected = -1, .expected_errno = EAGAIN},
    {.name = "rt_sigtimedwait-64", .number = 421, .call = sigtimedwait_new, .expected = -1, .expected_errno = EAGAIN},
    {.name = "io_getevents", .number = 247, .call = getevents_old},
    {.name = "io_pgetevents", .number = 385, .call = getevents_old},
    {.name = "io_pgetevents-64", .number = 416, .call = getevents_new},
    {.name = "io_uring_enter", .number = 426, .call = uring_enter, .expected = -1, .expected_errno = ETIME},
};
#define TASKS ((int)(sizeof tasks / sizeof *tasks))

static void *body(void *argument) {
  struct task *t = argument;
  char name[16];
  snprintf(name, sizeof name, "%s", t->name);
  prctl(PR_SET_NAME, name);
  for (;; t->rounds++) {
    uint64_t began = now_ns();
    errno = 0;
    long result = t->call(t);
    int error = errno;
    if (result < 0 && error == EINTR) t->eintrs++;
    else if (result != t->expected || (result < 0 && error != t->expected_errno)) {
      t->errors++;
      t->wrong = error;
      usleep(LIMIT_MS * 1000);
    } else if (t->call != ipc_semop && now_ns() - began + 1000000 < LIMIT_MS * 1000000ull) t->early++;
  }
  return 0;
}
static void report(const char *line) {
  if (strcmp(line, "report")) return;
  for (int i = 0; i < TASKS; i++) {
    struct task *t = &tasks[i];
    say("%s=%lu %lu %lu %lu", t->name, t->rounds, t->eintrs, t->errors, t->early);
    if (t->errors) fprintf(stderr, "%s: last error: %s\n", t->name, strerror(t->wrong));
  }
}

int main(void) {
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &blocked, 0);
  for (int i = 0; i < TASKS; i++) start_thread(body, &tasks[i], 256 << 10);
  char line[256];
  say("READY");
  while (read_command(line, sizeof line) && strcmp(line, "quit")) {
    report(line);
    say("END");
  }
  /* System V semaphores outlive the process unless they are removed. */
  for (int i = 0; i < TASKS; i++) if (tasks[i].semaphores) semctl(tasks[i].semaphores, 0, IPC_RMID);
  _exit(0);
}
