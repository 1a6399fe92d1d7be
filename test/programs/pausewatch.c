/*
 * Measures with its own clock how long it stood still:
 *   pausewatch [--threads N] [--touch MIB] [--pages any|4k|2m] [--reserve GIB] [--probe spin|sleep|nap]
 * The main thread reads CLOCK_MONOTONIC all the time (spin), every 50 µs (sleep) or every ms (nap), and keeps the gaps between two readings. N - 1 further threads
 * stand in nested calls. --pages says in which pages the touched memory is; what is reserved is never touched.
 * `report` prints of the time since the last command `longest_us=` and `second_us=`, the two longest gaps, `still_us=`, the sum of all gaps over 0.5 ms (nap: 1.5),
 * and `samples=`; `reset` only begins anew.
 */
#include "memory.h"
#include <poll.h>

/* A gap that is shorter is the scheduler's. */
#define STILL_NS 500000

static uint64_t longest, second, still, samples, before, shortest_still;

static uint64_t look(void) {
  uint64_t now = now_ns(), gap = now - before;
  if (gap > longest) second = longest, longest = gap;
  else if (gap > second) second = gap;
  if (gap > shortest_still) still += gap;
  samples++;
  return before = now;
}

NOINLINE void stand(void) {
  for (;;) pause();
}
NOINLINE void nested(int depth) {
  volatile char frame[256];
  memset((char *)frame, depth, sizeof frame);
  if (depth > 0) nested(depth - 1);
  else stand();
  KEEP_FRAME();
}
static void *body(void *number) {
  char name[16];
  snprintf(name, sizeof name, "nested %d", (int)(intptr_t)number);
  prctl(PR_SET_NAME, name);
  nested(20);
  return 0;
}
int main(int count, char **arguments) {
  int threads = 1, spin = 1, nap = 0;
  size_t touch = 0, reserve = 0;
  enum pages pages = PAGES_ANY;
  for (int i = 1; i + 1 < count; i += 2) {
    const char *name = arguments[i], *value = arguments[i + 1];
    if (!strcmp(name, "--threads")) threads = atoi(value);
    else if (!strcmp(name, "--touch")) touch = (size_t)atol(value) << 20;
    else if (!strcmp(name, "--pages")) pages = pages_named(value);
    else if (!strcmp(name, "--reserve")) reserve = (size_t)atol(value) << 30;
    else if (!strcmp(name, "--probe")) spin = !strcmp(value, "spin"), nap = !strcmp(value, "nap");
    else { errno = EINVAL; die(name); }
  }
  if (touch) say("touched=%p %zu", touched(touch, pages), touch);
  if (reserve) say("reserved=%p %zu", untouched(reserve, PAGES_ANY), reserve);
  for (int i = 1; i < threads; i++) start_thread(body, (void *)(intptr_t)i, 128 << 10);
  prctl(PR_SET_TIMERSLACK, 1);
  say("READY");
  shortest_still = (nap ? 3 : 1) * STILL_NS;
  before = now_ns();
  uint64_t looked = before;
  for (;;) {
    uint64_t now = look();
    if (!spin) {
      struct timespec pause_time = {0, nap ? 1000000 : 50000};
      nanosleep(&pause_time, 0);
    }
    if (now - looked < 1000000) continue;
    looked = now;
    struct pollfd input = {.fd = 0, .events = POLLIN};
    if (poll(&input, 1, 0) <= 0) continue;
    char line[64];
    if (!read_command(line, sizeof line) || !strcmp(line, "quit")) _exit(0);
    if (!strcmp(line, "report")) {
      /* It may have been stopped since the last look, in poll, with the command already there. */
      look();
      say("longest_us=%lu", longest / 1000);
      say("second_us=%lu", second / 1000);
      say("still_us=%lu", still / 1000);
      say("samples=%lu", samples);
    }
    /* A stop may come as soon as END is out: what is measured anew has to begin before. */
    longest = second = still = samples = 0;
    before = looked = now_ns();
    say("END");
  }
}
