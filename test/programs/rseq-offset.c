/*
 * Prints where the C library keeps the kernel's rseq area, from the thread pointer, and its size: `rseq=OFFSET LENGTH`. The
 * kernel writes the number of the CPU there whenever it has moved a thread, also one that only stood still.
 */
#include "common.h"
#include <stddef.h>

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

int main(void) {
  /* The size is that of the fields in use, the area is aligned to and reserved in steps of 32 bytes. */
  if (&__rseq_offset && __rseq_size) say("rseq=%td %u", __rseq_offset, (__rseq_size + 31) / 32 * 32);
  else say("rseq=0 0");
  serve(0);
}
