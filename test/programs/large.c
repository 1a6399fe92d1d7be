/*
 * Has more memory than it costs:
 *   large [--spread MIB] [--touch MIB]
 * --spread maps so much and reads a byte of each page, which makes the kernel show its one page of zeros everywhere: the pages are there, and
 * no memory is used. --touch writes to so much. The last 64 bytes of each but four hold a known text. Prints `spread=ADDRESS LENGTH` and `touched=…`.
 */
#include "common.h"
#include <sys/mman.h>

static const char text[64] = "the last bytes of a large block, 64 of them, before the end ...";

static void block(const char *name, size_t bytes, int write) {
  unsigned char *at = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) die("mmap");
  volatile unsigned char seen = 0;
  for (size_t i = 0; i < bytes; i += 4096) {
    if (write) memset(at + i, (int)(i >> 12) | 1, 4096);
    else seen += at[i];
  }
  memcpy(at + bytes - 4 - sizeof text, text, sizeof text);
  say("%s=%p %zu", name, (void *)at, bytes);
}

int main(int count, char **arguments) {
  for (int i = 1; i + 1 < count; i += 2) {
    size_t bytes = (size_t)atol(arguments[i + 1]) << 20;
    if (!strcmp(arguments[i], "--spread")) block("spread", bytes, 0);
    else if (!strcmp(arguments[i], "--touch")) block("touched", bytes, 1);
    else { errno = EINVAL; die(arguments[i]); }
  }
  serve(0);
}
