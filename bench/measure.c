/*
 * Runs a command and says what it took:
 *   measure REPORT MOST_BYTES COMMAND [ARGUMENT…]
 * REPORT gets `began_ns=`, `ended_ns=` (CLOCK_MONOTONIC), `peak_kib=` (the largest resident set of the command, or of a child that it waited for,
 * if that one is larger), `processor_us=` (user and system, all of its threads and such children) and `status=`, as a shell has it. No file that the command writes gets larger than MOST_BYTES.
 *
 * A wrapper in C, because a process begins with the resident set of the one that forks it: that of a benchmark in Node would be all that is seen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what) {
  fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
  exit(125);
}

int main(int count, char **arguments) {
  if (count < 4) { errno = EINVAL; die("usage: measure REPORT MOST_BYTES COMMAND [ARGUMENT...]"); }
  rlim_t most = strtoull(arguments[2], 0, 10);
  if (setrlimit(RLIMIT_FSIZE, &(struct rlimit){most, most})) die("setrlimit");
  long long began = now_ns();
  pid_t child = fork();
  if (child < 0) die("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(arguments[3], arguments + 3);
    fprintf(stderr, "measure: %s: %s\n", arguments[3], strerror(errno));
    _exit(127);
  }
  int status;
  struct rusage usage;
  while (wait4(child, &status, 0, &usage) < 0)
    if (errno != EINTR) die("wait4");
  long long ended = now_ns();
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  FILE *report = fopen(arguments[1], "w");
  if (!report) die(arguments[1]);
  struct timeval u = usage.ru_utime, s = usage.ru_stime;
  long long processor_us = (u.tv_sec + s.tv_sec) * 1000000LL + u.tv_usec + s.tv_usec;
  fprintf(report, "began_ns=%lld\nended_ns=%lld\npeak_kib=%ld\nprocessor_us=%lld\nstatus=%d\n", began, ended, usage.ru_maxrss,
          processor_us, code);
  if (fclose(report)) die(arguments[1]);
  return code;
}
