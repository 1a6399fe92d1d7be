/*
 * What every test program shares. A program prints `name=value` lines, then READY; its main thread then waits for
 * commands on standard input: `report` prints more such lines and END, `quit` or the end of the input ends the program. So
 * no program outlives the test that started it, however that test ends.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
/* Keeps a call from becoming a jump, so that the caller stays on the stack. */
#define KEEP_FRAME() __asm__ volatile("" ::: "memory")

static inline void say(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
  fflush(stdout);
}

static inline void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(3);
}

static inline pid_t own_tid(void) { return (pid_t)syscall(SYS_gettid); }

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One line from standard input, read byte by byte straight from the kernel; 0 at its end. */
static inline int read_command(char *line, size_t size) {
  size_t length = 0;
  for (;;) {
    char c;
    ssize_t n = read(0, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return 0;
    if (c == '\n') break;
    if (length + 1 < size) line[length++] = c;
  }
  line[length] = 0;
  return 1;
}

/* Says READY and obeys commands until the end. `command` gets those that are not `quit`. */
static inline void serve(void (*command)(const char *line)) {
  char line[256];
  say("READY");
  while (read_command(line, sizeof line)) {
    if (!strcmp(line, "quit")) break;
    if (command) command(line);
    say("END");
  }
  _exit(0);
}

static inline pthread_t start_thread(void *(*body)(void *), void *argument, size_t stack_size) {
  pthread_t thread;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  if (stack_size) pthread_attr_setstacksize(&attributes, stack_size);
  errno = pthread_create(&thread, &attributes, body, argument);
  if (errno) die("pthread_create");
  pthread_attr_destroy(&attributes);
  return thread;
}
