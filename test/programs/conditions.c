/*
 * Brings about what a watcher can wait for, on command, and says when: `from=` before and `at=` once it holds for certain, in nanoseconds of
 * CLOCK_MONOTONIC.
 *   burn N, rest          threads that use a processor each
 *   allocate MIB, free    private memory, touched
 *   threads N, join       threads that wait
 *   open N, close         descriptors
 * and for so many milliseconds, by the main thread:
 *   spin MS               without any system call
 *   getppid MS, write MS  in system calls that do not wait
 *   sleep MS              asleep
 *   vfork MS              in an uninterruptible wait, for a child
 */
#include "common.h"
#include <fcntl.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define MAX 4096
static volatile int burning, stop;
static pthread_t burners[64], waiters[MAX];
static int burner_count, waiter_count, descriptors[MAX], descriptor_count;
static char *memory;
static size_t memory_size;
static sem_t leave;

static void *burn(void *unused) {
  while (burning) continue;
  return unused;
}

static void *wait_to_leave(void *unused) {
  while (sem_wait(&leave) != 0) continue;
  return unused;
}

static void *stop_after(void *milliseconds) {
  usleep((useconds_t)(uintptr_t)milliseconds * 1000);
  stop = 1;
  return 0;
}

static void at(void) { say("at=%llu", (unsigned long long)now_ns()); }

static void keep_busy(const char *how, int milliseconds) {
  stop = 0;
  int null = open("/dev/null", O_WRONLY);
  pthread_t timer = start_thread(stop_after, (void *)(uintptr_t)milliseconds, 0);
  at();
  if (!strcmp(how, "spin"))
    while (!stop) continue;
  else if (!strcmp(how, "getppid"))
    while (!stop) getppid();
  else if (!strcmp(how, "write"))
    while (!stop) {
      /* So rarely that the time in the kernel does not show. */
      for (volatile int i = 0; i < 5000000 && !stop; i++) continue;
      if (write(null, "x", 1) != 1) die("write");
    }
  else if (!strcmp(how, "sleep"))
    while (!stop) usleep(20000);
  say("until=%llu", (unsigned long long)now_ns());
  pthread_join(timer, 0);
  close(null);
}

static void wait_for_child(int milliseconds) {
  at();
  pid_t child = vfork();
  if (child == 0) {
    /* Straight to the kernel: the memory is the parent's. */
    struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    syscall(SYS_nanosleep, &t, 0);
    syscall(SYS_exit_group, 0);
  }
  say("until=%llu", (unsigned long long)now_ns());
  waitpid(child, 0, 0);
}

static void command(const char *line) {
  char name[32];
  int n = 0;
  sscanf(line, "%31s %d", name, &n);
  say("from=%llu", (unsigned long long)now_ns());
  if (!strcmp(name, "burn")) {
    burning = 1;
    for (burner_count = 0; burner_count < n; burner_count++)
      burners[burner_count] = start_thread(burn, 0, 0);
    at();
  } else if (!strcmp(name, "rest")) {
    burning = 0;
    while (burner_count > 0) pthread_join(burners[--burner_count], 0);
    at();
  } else if (!strcmp(name, "allocate")) {
    memory_size = (size_t)n << 20;
    memory = mmap(0, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
    memset(memory, 1, memory_size);
    at();
  } else if (!strcmp(name, "free")) {
    munmap(memory, memory_size);
    at();
  } else if (!strcmp(name, "threads")) {
    for (waiter_count = 0; waiter_count < n; waiter_count++)
      waiters[waiter_count] = start_thread(wait_to_leave, 0, 64 * 1024);
    at();
  } else if (!strcmp(name, "join")) {
    for (int i = 0; i < waiter_count; i++) sem_post(&leave);
    while (waiter_count > 0) pthread_join(waiters[--waiter_count], 0);
    at();
  } else if (!strcmp(name, "open")) {
    for (descriptor_count = 0; descriptor_count < n; descriptor_count++) {
      descriptors[descriptor_count] = open("/dev/null", O_RDONLY);
      if (descriptors[descriptor_count] < 0) die("open");
    }
    at();
  } else if (!strcmp(name, "close")) {
    while (descriptor_count > 0) close(descriptors[--descriptor_count]);
    at();
  } else if (!strcmp(name, "vfork")) {
    wait_for_child(n);
  } else {
    keep_busy(name, n);
  }
}

int main(void) {
  sem_init(&leave, 0, 0);
  serve(command);
}
