/*
 * Counts signals: a sender thread queues numbered real-time signals to the process, handlers on two other threads take
 * them while a third is in interruptible calls. `report` stops the sender, waits for the last, prints `sent=`, `received=`,
 * `out_of_order=` (per receiving order of one thread), `usr1=` (how often SIGUSR1 came, from outside), `eintr=` and
 * `eintr_without_handler=` of the thread that waits.
 */
#include "common.h"
#include <stdatomic.h>
#include <sys/epoll.h>

static atomic_long sent, received, out_of_order, usr1, eintr, spurious;
static atomic_int stop, stopped;
static long last_value;
static _Thread_local volatile long handled;

static void on_numbered(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  if (info->si_value.sival_int <= last_value) out_of_order++;
  last_value = info->si_value.sival_int;
  received++;
}
static void on_usr1(int number) {
  (void)number;
  handled++;
  usr1++;
}
static void block(int number, int how) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  pthread_sigmask(how, &set, 0);
}
static void *taker(void *unused) {
  block(SIGRTMIN + 1, SIG_UNBLOCK);
  for (;;) pause();
  return unused;
}
static void *waiter(void *unused) {
  struct epoll_event event;
  int fd = epoll_create1(EPOLL_CLOEXEC);
  block(SIGUSR1, SIG_UNBLOCK);
  for (;;) {
    long before = handled;
    if (epoll_wait(fd, &event, 1, -1) < 0 && errno == EINTR) {
      eintr++;
      if (handled == before) spurious++;
    }
  }
  return unused;
}
static void *sender(void *unused) {
  for (int i = 1; !stop; i++) {
    union sigval value = {.sival_int = i};
    while (sigqueue(getpid(), SIGRTMIN + 1, value)) {
      if (errno != EAGAIN) die("sigqueue");
      usleep(100);
    }
    sent++;
    usleep(200);
  }
  stopped = 1;
  return unused;
}
static void report(const char *line) {
  (void)line;
  stop = 1;
  uint64_t end = now_ns() + 5000000000u;
  while ((!stopped || received < sent) && now_ns() < end) usleep(1000);
  say("sent=%ld", sent);
  say("received=%ld", received);
  say("out_of_order=%ld", out_of_order);
  say("usr1=%ld", usr1);
  say("eintr=%ld", eintr);
  say("eintr_without_handler=%ld", spurious);
}

int main(void) {
  struct sigaction numbered = {.sa_sigaction = on_numbered, .sa_flags = SA_SIGINFO};
  struct sigaction plain = {.sa_handler = on_usr1};
  sigaction(SIGRTMIN + 1, &numbered, 0);
  sigaction(SIGUSR1, &plain, 0);
  block(SIGRTMIN + 1, SIG_BLOCK);
  block(SIGUSR1, SIG_BLOCK);
  start_thread(taker, 0, 0);
  start_thread(waiter, 0, 0);
  start_thread(sender, 0, 0);
  serve(report);
}
