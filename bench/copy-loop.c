/*
 * What a full dump costs without any art, the limit for mdmp's:
 *   copy-loop PID FILE
 * Stops all threads, reads every page that is present in one thread, 256 KiB at a time, writes each piece to FILE before it reads the next, and lets the
 * process go on. The file is raw memory, one region behind the other. It cures nothing: calls that a stop interrupts may return EINTR in the process.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define CHUNK (256ul << 10)
/* Entries of pagemap read at once: those of 16 MiB. */
#define ENTRIES 4096
/* Bits of an entry: the page is in memory, or in swap. */
#define PRESENT (3ull << 62)
#define MOST_THREADS 65536

static pid_t pid, stopped[MOST_THREADS];
static int stopped_count, output;
static char buffer[CHUNK];

static void die(const char *what) {
  fprintf(stderr, "copy-loop: %s: %s\n", what, strerror(errno));
  exit(1); /* The kernel lets go of what is traced. */
}

static int is_stopped(pid_t tid) {
  for (int i = stopped_count; i-- > 0;)
    if (stopped[i] == tid) return 1;
  return 0;
}

/* Seizes the threads that are not seized yet and gives their number: at 0 all stand still. */
static int stop_new_threads(const char *folder) {
  DIR *tasks = opendir(folder);
  if (!tasks) die(folder);
  int before = stopped_count;
  for (struct dirent *entry; (entry = readdir(tasks));) {
    pid_t tid = atoi(entry->d_name);
    if (tid <= 0 || is_stopped(tid)) continue;
    if (stopped_count == MOST_THREADS) { errno = E2BIG; die(folder); }
    if (ptrace(PTRACE_SEIZE, tid, 0, 0)) {
      if (errno == ESRCH) continue;
      die("PTRACE_SEIZE");
    }
    if (ptrace(PTRACE_INTERRUPT, tid, 0, 0)) die("PTRACE_INTERRUPT");
    stopped[stopped_count++] = tid;
  }
  closedir(tasks);
  for (int i = before; i < stopped_count; i++) {
    int status;
    if (waitpid(stopped[i], &status, __WALL) < 0) die("waitpid");
  }
  return stopped_count - before;
}

static void write_all(const char *from, size_t length) {
  while (length) {
    ssize_t n = write(output, from, length);
    if (n < 0) die("write");
    from += n, length -= (size_t)n;
  }
}

static void copy(uintptr_t start, uintptr_t end) {
  while (start < end) {
    size_t length = end - start < CHUNK ? end - start : CHUNK;
    struct iovec local = {buffer, length}, remote = {(void *)start, length};
    ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
    /* A page that the kernel keeps to itself, as those of [vvar]. */
    if (n <= 0) n = (ssize_t)length;
    else write_all(buffer, (size_t)n);
    start += (size_t)n;
  }
}

/* Pages that are present, as long runs as there are. */
static void copy_present(int pagemap, uintptr_t start, uintptr_t end) {
  static uint64_t entries[ENTRIES];
  uintptr_t run = 0;
  for (uintptr_t at = start; at < end;) {
    size_t want = (end - at) / PAGE < ENTRIES ? (end - at) / PAGE : ENTRIES;
    ssize_t n = pread(pagemap, entries, want * 8, (off_t)(at / PAGE * 8));
    if (n <= 0) break;
    for (size_t i = 0; i < (size_t)n / 8; i++, at += PAGE) {
      if (entries[i] & PRESENT) {
        if (!run) run = at;
      } else if (run) {
        copy(run, at);
        run = 0;
      }
    }
  }
  if (run) copy(run, end);
}

int main(int count, char **arguments) {
  if (count != 3) { errno = EINVAL; die("usage: copy-loop PID FILE"); }
  pid = atoi(arguments[1]);
  char tasks[64], maps[64], pagemap[64];
  snprintf(tasks, sizeof tasks, "/proc/%d/task", pid);
  snprintf(maps, sizeof maps, "/proc/%d/maps", pid);
  snprintf(pagemap, sizeof pagemap, "/proc/%d/pagemap", pid);
  output = open(arguments[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (output < 0) die(arguments[2]);
  FILE *regions = fopen(maps, "r");
  int pages = open(pagemap, O_RDONLY | O_CLOEXEC);
  if (!regions || pages < 0) die(maps);
  while (stop_new_threads(tasks)) {}
  char line[4352];
  while (fgets(line, sizeof line, regions)) {
    uintptr_t start, end;
    char readable;
    if (sscanf(line, "%lx-%lx %c", &start, &end, &readable) != 3 || readable != 'r' || strstr(line, "[vsyscall]")) continue;
    copy_present(pages, start, end);
  }
  for (int i = 0; i < stopped_count; i++) ptrace(PTRACE_DETACH, stopped[i], 0, 0);
  if (close(output)) die("close");
  return 0;
}
