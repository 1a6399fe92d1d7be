/*
 * Rewrites all of its memory over and over, and counts how much it gets done:
 *   rewriter [--memory MIB] [--pages any|4k|2m]
 * One thread writes each 4-KiB page anew in turn, after a look at whether it holds what the last round left there. `since NS` prints how many pages were
 * rewritten in each slot of 10 ms from that time (CLOCK_MONOTONIC) on, `now` left out: `slot_ns=`, `first=`, the number of the first slot (its time
 * divided by slot_ns), and `pages=N,N,…`; further `still_us=`, the longest time since the last command in which the thread wrote nothing, `rounds=`, and
 * `errors=`, the pages that did not hold what was left there. It remembers a minute and a half.
 */
#include "memory.h"

#define PAGE 4096
#define WORDS (PAGE / sizeof(uint64_t))
#define SLOT_NS 10000000u
#define SLOTS 9000
/* Pages between two looks at the clock: some microseconds. */
#define STEP 8

static size_t page_count;
static uint64_t *memory;
static struct { uint64_t slot, pages; } counted[SLOTS];
static uint64_t longest, rounds, errors;

static void rewrite(uint64_t *page, uint64_t value) {
  for (size_t i = 0; i < WORDS; i++) page[i] = value + i;
}

static void *body(void *unused) {
  uint64_t before = now_ns();
  /* What a page holds tells its round and its number. */
  for (uint64_t round = 1;; round++) {
    for (size_t page = 0; page < page_count; page += STEP) {
      size_t end = page + STEP < page_count ? page + STEP : page_count;
      for (size_t i = page; i < end; i++) {
        uint64_t *at = memory + i * WORDS, left = (round - 1) << 32 | i << 9;
        if (round > 1 && (at[0] != left || at[WORDS - 1] != left + WORDS - 1)) errors++;
        rewrite(at, round << 32 | i << 9);
      }
      uint64_t now = now_ns(), slot = now / SLOT_NS;
      if (now - before > __atomic_load_n(&longest, __ATOMIC_RELAXED)) __atomic_store_n(&longest, now - before, __ATOMIC_RELAXED);
      before = now;
      if (counted[slot % SLOTS].slot != slot) {
        counted[slot % SLOTS].pages = 0;
        __atomic_store_n(&counted[slot % SLOTS].slot, slot, __ATOMIC_RELEASE);
      }
      __atomic_fetch_add(&counted[slot % SLOTS].pages, end - page, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&rounds, round, __ATOMIC_RELAXED);
  }
  return unused;
}

static void command(const char *line) {
  unsigned long long from;
  if (sscanf(line, "since %llu", &from) == 1) {
    uint64_t end = now_ns() / SLOT_NS, first = from / SLOT_NS;
    if (first + SLOTS <= end) first = end - SLOTS + 1;
    printf("slot_ns=%u\nfirst=%lu\npages=", SLOT_NS, first);
    for (uint64_t slot = first; slot < end; slot++) {
      /* A slot in which nothing was written still holds an older count. */
      int written = __atomic_load_n(&counted[slot % SLOTS].slot, __ATOMIC_ACQUIRE) == slot;
      printf("%s%lu", slot == first ? "" : ",", written ? __atomic_load_n(&counted[slot % SLOTS].pages, __ATOMIC_RELAXED) : 0);
    }
    printf("\nstill_us=%lu\nrounds=%lu\nerrors=%lu\n", __atomic_load_n(&longest, __ATOMIC_RELAXED) / 1000,
        __atomic_load_n(&rounds, __ATOMIC_RELAXED), __atomic_load_n(&errors, __ATOMIC_RELAXED));
  }
  __atomic_store_n(&longest, 0, __ATOMIC_RELAXED);
}

int main(int count, char **arguments) {
  size_t bytes = (size_t)64 << 20;
  enum pages pages = PAGES_ANY;
  for (int i = 1; i + 1 < count; i += 2) {
    const char *name = arguments[i], *value = arguments[i + 1];
    if (!strcmp(name, "--memory")) bytes = (size_t)atol(value) << 20;
    else if (!strcmp(name, "--pages")) pages = pages_named(value);
    else { errno = EINVAL; die(name); }
  }
  memory = touched(bytes, pages);
  page_count = bytes / PAGE;
  say("memory=%p %zu", (void *)memory, bytes);
  start_thread(body, 0, 0);
  serve(command);
}
