/*
 * Measures with its own clock how long it stood still:
 *   pausewatch [--threads N] [--touch MIB] [--reserve GIB] [--probe spin|sleep]
 * The main thread reads CLOCK_MONOTONIC all the time (spin), or every 50 µs (sleep), and keeps the longest gap between two readings. N - 1 further
 * threads stand in nested calls. `report` prints `longest_us=`, the longest gap since the last command, and `samples=`; `reset` only begins anew.
 */
#include "common.h"
#include <poll.h>
#include <sys/mman.h>

static uint64_t longest, samples;

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
static void touch(size_t bytes) {
  uint64_t *block = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), value = 0x9e3779b97f4a7c15u;
  if (block == MAP_FAILED) die("mmap");
  for (size_t i = 0; i < bytes / 8; i++) {
    value ^= value << 13, value ^= value >> 7, value ^= value << 17;
    block[i] = value;
  }
  say("touched=%p %zu", (void *)block, bytes);
}

int main(int count, char **arguments) {
  int threads = 1, spin = 1;
  for (int i = 1; i + 1 < count; i += 2) {
    const char *name = arguments[i], *value = arguments[i + 1];
    if (!strcmp(name, "--threads")) threads = atoi(value);
    else if (!strcmp(name, "--touch")) touch((size_t)atol(value) << 20);
    else if (!strcmp(name, "--reserve")) {
      size_t bytes = (size_t)atol(value) << 30;
      void *block = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (block == MAP_FAILED) die("mmap");
      say("reserved=%p %zu", block, bytes);
    } else if (!strcmp(name, "--probe")) spin = !strcmp(value, "spin");
    else { errno = EINVAL; die(name); }
  }
  for (int i = 1; i < threads; i++) start_thread(body, (void *)(intptr_t)i, 128 << 10);
  prctl(PR_SET_TIMERSLACK, 1);
  say("READY");
  uint64_t before = now_ns(), looked = before;
  for (;;) {
    uint64_t now = now_ns();
    if (now - before > longest) longest = now - before;
    before = now;
    samples++;
    if (!spin) {
      struct timespec pause_time = {0, 50000};
      nanosleep(&pause_time, 0);
    }
    if (now - looked < 1000000) continue;
    looked = now;
    struct pollfd input = {.fd = 0, .events = POLLIN};
    if (poll(&input, 1, 0) <= 0) continue;
    char line[64];
    if (!read_command(line, sizeof line) || !strcmp(line, "quit")) _exit(0);
    if (!strcmp(line, "report")) {
      say("longest_us=%lu", longest / 1000);
      say("samples=%lu", samples);
    }
    /* A stop may come as soon as END is out: what is measured anew has to begin before. */
    longest = samples = 0;
    before = looked = now_ns();
    say("END");
  }
}
