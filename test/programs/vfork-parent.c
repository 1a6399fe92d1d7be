/*
 * `vfork-parent main` or `vfork-parent thread`: that thread stands in vfork (state D, cannot be stopped) until its child, which
 * waits for the end of the program's input, is gone. Prints `child=PID` and `waiting=TID`.
 */
#include "common.h"
#include <poll.h>

static volatile pid_t waiting;
static volatile pid_t child;

static void wait_in_vfork(void) {
  waiting = own_tid();
  pid_t made = vfork();
  if (made == 0) {
    child = getpid();
    /* Neither reads nor writes the input: the end of it shows as POLLHUP. */
    struct pollfd end = {.fd = 0, .events = 0};
    while (poll(&end, 1, -1) < 0) {}
    _exit(0);
  }
}
static void *body(void *unused) {
  wait_in_vfork();
  return unused;
}
static void *announce(void *unused) {
  while (!child) usleep(1000);
  say("child=%d", child);
  say("waiting=%d", waiting);
  say("READY");
  return unused;
}

int main(int count, char **arguments) {
  if (count == 2 && !strcmp(arguments[1], "main")) {
    start_thread(announce, 0, 0);
    wait_in_vfork();
    return 0;
  }
  start_thread(body, 0, 0);
  while (!child) usleep(1000);
  say("child=%d", child);
  say("waiting=%d", waiting);
  serve(0);
}
