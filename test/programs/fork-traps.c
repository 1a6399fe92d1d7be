/*
 * A process that is hard to fork, or to read while it runs: `fork-traps MODE`.
 *   generations   writes a number into 2,048 pages, one after the other, then the next number: at any moment the pages are a run of n + 1 and a run of n
 *   filter-allow, filter-forbid, filter-kill   under a seccomp filter that lets clone pass, answers EPERM, or kills
 *   filter-later  under the filter that kills, once it gets SIGUSR1
 *   strict        under seccomp's strict mode: it can but read, write and return
 *   no-processes  as a user who may have no further process (RLIMIT_NPROC)
 *   userfaultfd   with memory that a monitor must fill, who never does, and who wants to be told of forks
 *   many          touches 400 MiB
 */
#include "common.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define PAGE 4096ul
#define PAGES 2048ul

static void *generations(void *at) {
  for (unsigned long number = 1;; number++) {
    for (size_t i = 0; i < PAGES; i++) *(volatile unsigned long *)((char *)at + i * PAGE) = number;
  }
  return 0;
}
static char *memory(size_t size) {
  char *at = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) die("mmap");
  return at;
}
static void filter(unsigned action) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fork, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, action),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) die("seccomp");
}

static void kill_later(int unused) {
  (void)unused;
  filter(SECCOMP_RET_KILL_PROCESS);
}

int main(int count, char **values) {
  const char *mode = count > 1 ? values[1] : "";
  if (!strcmp(mode, "generations")) {
    char *at = memory(PAGES * PAGE);
    /* Else its huge pages would be split one by one. */
    madvise(at, PAGES * PAGE, MADV_NOHUGEPAGE);
    memset(at, 0, PAGES * PAGE);
    say("pages=%p %lu", (void *)at, PAGES * PAGE);
    start_thread(generations, at, 0);
  } else if (!strcmp(mode, "filter-allow")) filter(SECCOMP_RET_ALLOW);
  else if (!strcmp(mode, "filter-forbid")) filter(SECCOMP_RET_ERRNO | EPERM);
  else if (!strcmp(mode, "filter-kill")) filter(SECCOMP_RET_KILL_PROCESS);
  else if (!strcmp(mode, "filter-later")) signal(SIGUSR1, kill_later);
  else if (!strcmp(mode, "strict")) {
    say("READY");
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    char byte;
    while (syscall(SYS_read, 0, &byte, 1) == 1) {}
    syscall(SYS_exit, 0);
  } else if (!strcmp(mode, "no-processes")) {
    struct rlimit none = {0, 0};
    if (setgid(65534) || setuid(65534) || setrlimit(RLIMIT_NPROC, &none)) die("setuid");
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  } else if (!strcmp(mode, "userfaultfd")) {
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_api api = {.api = UFFD_API, .features = UFFD_FEATURE_EVENT_FORK};
    if (fd < 0 || ioctl(fd, UFFDIO_API, &api)) die("userfaultfd");
    struct uffdio_register all = {.range = {(unsigned long)memory(16 * PAGE), 16 * PAGE}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (ioctl(fd, UFFDIO_REGISTER, &all)) die("UFFDIO_REGISTER");
  } else if (!strcmp(mode, "many")) {
    size_t size = 400ul << 20;
    char *at = memory(size);
    for (size_t i = 0; i < size; i += PAGE) *(unsigned long *)(at + i) = i + 1;
  } else die("unknown mode");
  serve(0);
}
