/* Memory that a program has, as large and in pages of the size that its options say. */
#include "common.h"
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

/* How pages are asked for: `any` leaves it to the system, `4k` and `2m` ask for them by madvise. */
enum pages { PAGES_ANY, PAGES_4K, PAGES_2M };

static inline enum pages pages_named(const char *name) {
  if (!strcmp(name, "4k")) return PAGES_4K;
  if (!strcmp(name, "2m")) return PAGES_2M;
  if (strcmp(name, "any")) { errno = EINVAL; die(name); }
  return PAGES_ANY;
}

/* Private anonymous memory, not touched yet, which begins at 2 MiB if it is large enough to hold such a page. */
static inline void *untouched(size_t bytes, enum pages pages) {
  size_t more = bytes < HUGE_PAGE ? 0 : HUGE_PAGE;
  char *all = mmap(0, bytes + more, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *block = all;
  if (all == MAP_FAILED) die("mmap");
  if (more) {
    block = (char *)(((uintptr_t)all + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
    if (block > all) munmap(all, (size_t)(block - all));
    size_t behind = more - (size_t)(block - all);
    if (behind) munmap(block + bytes, behind);
  }
  /* A kernel without large pages refuses both: then there are only small ones. */
  if (pages != PAGES_ANY && madvise(block, bytes, pages == PAGES_2M ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) && errno != EINVAL)
    die("madvise");
  return block;
}

/* The next value of a xorshift generator that began with anything but 0. It never gives 0. */
static inline uint64_t xorshift(uint64_t value) {
  value ^= value << 13, value ^= value >> 7, value ^= value << 17;
  return value;
}

/* The same, every byte of it written: random, so that no page is like another, nor of zeros. */
static inline void *touched(size_t bytes, enum pages pages) {
  uint64_t *block = untouched(bytes, pages), value = 0x9e3779b97f4a7c15u;
  for (size_t i = 0; i < bytes / 8; i++) block[i] = value = xorshift(value);
  return block;
}
