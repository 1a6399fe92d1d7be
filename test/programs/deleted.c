/*
 * Mappings of files that are deleted then: a copy of itself from its start on, the code alone, and text that is no image; also
 * memory that only has the name of a file. Prints `NAME=ADDRESS LENGTH`. argv[1] is a folder, in which the files are made.
 */
#include "common.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>

#define PAGE 4096ul

static void copy_self(const char *path) {
  char buffer[PAGE];
  int from = open("/proc/self/exe", O_RDONLY), to = open(path, O_WRONLY | O_CREAT, 0700);
  if (from < 0 || to < 0) die(path);
  for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;)
    if (write(to, buffer, (size_t)n) != n) die("write");
  close(from);
  close(to);
}

static void *map(const char *name, int fd, int protection, int flags, size_t length, off_t offset) {
  /* Neighbours of one file would be one: a page of nothing stands between. */
  char *room = mmap(0, length + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void *at = mmap(room + PAGE, length, protection, flags | MAP_FIXED, fd, offset);
  if (at == MAP_FAILED) die(name);
  say("%s=%p %lu", name, at, length);
  return at;
}

int main(int count, char **arguments) {
  if (count < 2 || chdir(arguments[1])) die("folder");
  copy_self("whole.so");
  copy_self("code.so");
  int whole = open("whole.so", O_RDONLY), code = open("code.so", O_RDONLY);
  map("whole", whole, PROT_READ, MAP_PRIVATE, 2 * PAGE, 0);
  map("code", code, PROT_READ | PROT_EXEC, MAP_PRIVATE, PAGE, PAGE);
  int text = open("text", O_RDWR | O_CREAT, 0600);
  if (ftruncate(text, 2 * PAGE)) die("ftruncate");
  map("text", text, PROT_READ, MAP_PRIVATE, 2 * PAGE, 0);
  unlink("whole.so");
  unlink("code.so");
  unlink("text");
  int memory = (int)syscall(SYS_memfd_create, "code", 0);
  if (ftruncate(memory, PAGE)) die("ftruncate");
  map("memfd", memory, PROT_READ | PROT_EXEC, MAP_SHARED, PAGE, 0);
  map("shared", -1, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, PAGE, 0);
  int segment = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);
  void *at = segment < 0 ? (void *)-1 : shmat(segment, 0, SHM_EXEC);
  if (at != (void *)-1) say("sysv=%p %lu", at, PAGE);
  if (segment >= 0) shmctl(segment, IPC_RMID, 0);
  serve(0);
}
