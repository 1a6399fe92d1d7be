/*
 * What this machine can do at most, in GB/s:
 *   machine FOLDER
 * Prints `read_gbs=`, process_vm_readv of another process, 1 MiB at a time; `write_gbs=`, write to a new file in FOLDER, 1 MiB at a time; and `both_gbs=`,
 * one after the other in one thread, 256 KiB at a time. Medians of three rounds over 256 MiB.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BYTES ((size_t)256 << 20)
#define MIB ((size_t)1 << 20)
#define ROUNDS 3

static char *memory, path[4096];
static pid_t other;

static void die(const char *what) {
  fprintf(stderr, "machine: %s: %s\n", what, strerror(errno));
  if (other > 0) kill(other, SIGKILL);
  exit(1);
}
static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
static int ascending(const void *a, const void *b) { return *(double *)a < *(double *)b ? -1 : 1; }

static double speed(int reads, int writes, size_t chunk) {
  static char buffer[1 << 20];
  memset(buffer, 1, sizeof buffer);
  double rounds[ROUNDS];
  for (int round = 0; round < ROUNDS; round++) {
    int file = -1;
    if (writes && (file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) < 0) die(path);
    if (writes) unlink(path);
    double began = seconds();
    for (size_t at = 0; at < BYTES; at += chunk) {
      struct iovec local = {buffer, chunk}, remote = {memory + at, chunk};
      if (reads && process_vm_readv(other, &local, 1, &remote, 1, 0) != (ssize_t)chunk) die("process_vm_readv");
      if (writes && write(file, buffer, chunk) != (ssize_t)chunk) die("write");
    }
    rounds[round] = (double)BYTES / 1e9 / (seconds() - began);
    if (writes) close(file);
  }
  qsort(rounds, ROUNDS, sizeof *rounds, ascending);
  return rounds[ROUNDS / 2];
}

int main(int count, char **arguments) {
  if (count != 2) { errno = EINVAL; die("usage: machine FOLDER"); }
  snprintf(path, sizeof path, "%s/machine.%d", arguments[1], getpid());
  memory = mmap(0, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int ready[2];
  if (memory == MAP_FAILED || pipe(ready)) die("mmap");
  other = fork();
  if (other < 0) die("fork");
  if (other == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < BYTES / 8; i++) ((uint64_t *)memory)[i] = i + 1;
    if (write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  close(ready[1]);
  char byte;
  if (read(ready[0], &byte, 1) != 1) die("read");
  printf("read_gbs=%.2f\n", speed(1, 0, MIB));
  printf("write_gbs=%.2f\n", speed(0, 1, MIB));
  printf("both_gbs=%.2f\n", speed(1, 1, MIB / 4));
  kill(other, SIGKILL);
  waitpid(other, 0, 0);
  return 0;
}
