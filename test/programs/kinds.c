/*
 * One mapping of each kind that a dumper must treat with care. Prints `NAME=ADDRESS LENGTH`, with the length of the whole
 * mapping; what is in it and what a reader may expect is said at each. Names that the kernel does not know are left out.
 */
#include "common.h"
#include <fcntl.h>
#include <sys/mman.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#define PAGE 4096ul
#define PAGES 16ul
#define LENGTH (PAGES * PAGE)

/* Each page begins with its mapping's letter and its own number. */
static void fill(char *at, size_t from, size_t to, char letter) {
  for (size_t i = from; i < to; i++) {
    memset(at + i * PAGE, letter, PAGE);
    at[i * PAGE + 1] = (char)('a' + i);
  }
}
static char *map(int protection, int flags, int fd) {
  char *at = mmap(0, LENGTH, protection, flags, fd, 0);
  if (at == MAP_FAILED) die("mmap");
  return at;
}
/* Mappings side by side would be merged into one. */
static char *private_memory(void) {
  char *at = mmap(0, LENGTH + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) die("mmap");
  at += PAGE;
  if (mprotect(at, LENGTH, PROT_READ | PROT_WRITE)) die("mprotect");
  return at;
}
static void announce(const char *name, void *at) { say("%s=%p %lu", name, at, LENGTH); }

int main(void) {
  char *at;

  at = private_memory(); /* A, all pages */
  fill(at, 0, PAGES, 'A');
  announce("touched", at);

  at = private_memory(); /* B, pages 0 to 7; the rest never touched: zeros, and it must stay untouched */
  fill(at, 0, PAGES / 2, 'B');
  announce("half-touched", at);

  announce("untouched", private_memory()); /* zeros */

  at = private_memory(); /* C, all pages, readable only through /proc/PID/mem */
  fill(at, 0, PAGES, 'C');
  mprotect(at, LENGTH, PROT_NONE);
  announce("no-access-with-data", at);

  announce("no-access-empty", map(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1));

  at = private_memory(); /* D */
  fill(at, 0, PAGES, 'D');
  mprotect(at, LENGTH, PROT_WRITE);
  announce("write-only", at);

  at = private_memory(); /* E */
  fill(at, 0, PAGES, 'E');
  madvise(at, LENGTH, MADV_DONTDUMP);
  announce("dontdump", at);

  at = private_memory(); /* F; page 3 is a guard that nobody can read */
  fill(at, 0, PAGES, 'F');
  if (!madvise(at + 3 * PAGE, PAGE, MADV_GUARD_INSTALL)) announce("guarded", at);

  at = private_memory(); /* G */
  fill(at, 0, PAGES, 'G');
  madvise(at, LENGTH, MADV_DONTFORK);
  announce("dontfork", at);

  at = private_memory(); /* H */
  fill(at, 0, PAGES, 'H');
  madvise(at, LENGTH, MADV_WIPEONFORK);
  announce("wipeonfork", at);

  int memory = (int)syscall(SYS_memfd_create, "test", 0);
  if (memory < 0 || ftruncate(memory, LENGTH)) die("memfd");
  at = map(PROT_READ | PROT_WRITE, MAP_SHARED, memory); /* I, pages 0 to 7; reading the rest would allocate it */
  fill(at, 0, PAGES / 2, 'I');
  announce("memfd-half", at);

  at = map(PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1); /* J */
  fill(at, 0, PAGES, 'J');
  announce("shared", at);

  char path[] = "/tmp/mdmp-kinds-XXXXXX";
  int file = mkstemp(path);
  if (file < 0) die("mkstemp");
  unlink(path);
  char page[PAGE];
  for (size_t i = 0; i < PAGES; i++) {
    memset(page, 'K', PAGE);
    page[1] = (char)('a' + i);
    if (write(file, page, PAGE) != (ssize_t)PAGE) die("write");
  }
  announce("file", map(PROT_READ, MAP_PRIVATE, file)); /* K, a deleted file, in the page cache or not */

  char short_path[] = "/tmp/mdmp-kinds-XXXXXX";
  int short_file = mkstemp(short_path);
  if (short_file < 0) die("mkstemp");
  unlink(short_path);
  memset(page, 'L', PAGE);
  page[1] = 'a';
  if (write(short_file, page, 100) != 100) die("write");
  announce("file-past-end", map(PROT_READ, MAP_PRIVATE, short_file)); /* L: 100 bytes, zeros to the end of the page, then SIGBUS */

  int secret = (int)syscall(447 /* memfd_secret */, 0);
  if (secret >= 0 && !ftruncate(secret, LENGTH)) {
    at = mmap(0, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, secret, 0);
    if (at != MAP_FAILED) { /* M, which nobody outside can read */
      fill(at, 0, PAGES, 'M');
      announce("secret", at);
    }
  }
  serve(0);
}
