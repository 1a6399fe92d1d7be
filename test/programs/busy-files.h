/* Tasks of busy.c: calls that wait for files, and a program that is executed. */
#include <sys/inotify.h>
#include <sys/signalfd.h>

#define EVERY_MS 10
#define SIGNALFD_SIGNAL (SIGRTMIN + 4)
static const struct timespec every = {0, EVERY_MS * 1000000};

/* Pieces through two pipes, the second filled by splice, which waits for the first most of the time. */
static void *rare_writer(void *argument) {
  struct task *t = argument;
  unsigned char piece[PIECE];
  for (unsigned long position = 0;;) {
    for (int i = 0; i < PIECE; i++) piece[i] = byte_at(position + (unsigned long)i);
    ssize_t n = write(t->fd[1], piece, PIECE);
    if (n < 0) t->errors++;
    else position += (unsigned long)n;
    nanosleep(&every, 0);
  }
  return 0;
}
static void do_splice(struct task *t) {
  static int second[2];
  if (!t->ready) {
    if (pipe2(t->fd, O_CLOEXEC) || pipe2(second, O_CLOEXEC)) die("pipe");
    start_thread(rare_writer, t, 0);
    t->ready = 1;
  }
  unsigned char piece[PIECE];
  ssize_t moved = splice(t->fd[0], 0, second[1], 0, PIECE, 0);
  if (moved <= 0) {
    must(t, moved, PIECE);
    return;
  }
  ssize_t n = read(second[0], piece, (size_t)moved);
  must(t, n, moved);
  for (ssize_t i = 0; i < n; i++) {
    if (piece[i] != byte_at(t->count + (unsigned long)i)) {
      t->errors++;
      break;
    }
  }
  t->count += (unsigned long)moved;
}

/* The parent stands in the kernel, and cannot be stopped, until the child executes the program. */
#define EXECUTED "--exit"
static void do_vfork_exec(struct task *t) {
  char *const arguments[] = {"busy", EXECUTED, "9", 0};
  pid_t child = vfork();
  if (child == 0) {
    execv("/proc/self/exe", arguments);
    _exit(1);
  }
  int status = 0;
  must(t, waitpid(child, &status, 0), child);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 9) t->errors++;
  nanosleep(&limit, 0);
}

static unsigned long given;
static void *event_giver(void *argument) {
  struct task *t = argument;
  for (uint64_t one = 1;;) {
    nanosleep(&every, 0);
    __atomic_add_fetch(&given, 1, __ATOMIC_SEQ_CST);
    if (write(t->fd[0], &one, 8) != 8) t->errors++;
  }
  return 0;
}
static void do_eventfd(struct task *t) {
  if (!t->ready) t->fd[0] = eventfd(0, EFD_CLOEXEC), start_thread(event_giver, t, 0), t->ready = 1;
  uint64_t got = 0;
  must(t, read(t->fd[0], &got, 8), 8);
  t->count += (unsigned long)got;
  /* All that was given before is in the sum. */
  unsigned long total = __atomic_load_n(&given, __ATOMIC_SEQ_CST);
  if (t->count > total || total - t->count > 1000) t->errors++;
}

static void *toucher(void *argument) {
  struct task *t = argument;
  for (;;) {
    nanosleep(&every, 0);
    if (pwrite(t->fd[1], "x", 1, 0) != 1) t->errors++;
  }
  return 0;
}
static void do_inotify(struct task *t) {
  if (!t->ready) {
    char name[] = "/tmp/mdmp-busy-XXXXXX";
    t->fd[0] = inotify_init1(IN_CLOEXEC);
    t->fd[1] = mkostemp(name, O_CLOEXEC);
    if (t->fd[1] < 0 || inotify_add_watch(t->fd[0], name, IN_MODIFY) < 0) die("inotify");
    unlink(name);
    start_thread(toucher, t, 0);
    t->ready = 1;
  }
  struct inotify_event event = {0};
  must(t, read(t->fd[0], &event, sizeof event), sizeof event);
  if (event.mask != IN_MODIFY) t->errors++;
}

static void do_signalfd(struct task *t) {
  static timer_t timer;
  if (!t->ready) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGNALFD_SIGNAL);
    t->fd[0] = signalfd(-1, &set, SFD_CLOEXEC);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGNALFD_SIGNAL};
    struct itimerspec times = {.it_interval = every, .it_value = every};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &times, 0)) die("timer_create");
    t->ready = 1;
  }
  struct signalfd_siginfo info = {0};
  must(t, read(t->fd[0], &info, sizeof info), sizeof info);
  if (info.ssi_signo != (uint32_t)SIGNALFD_SIGNAL) t->errors++;
}
