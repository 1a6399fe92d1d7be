/* A library that calls back as DbgHelp does: the structures, and what a pointer in them points to, lie in its own memory. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef int routine(void *param, void *input, void *output);

/* `size` bytes that end where the next page cannot be touched. */
static unsigned char *at_page_end(size_t size, void **whole, size_t *length)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  size_t used = (size + page - 1) / page * page;
  *length = used + page;
  *whole = mmap(NULL, *length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (*whole == MAP_FAILED) abort();
  if (mprotect((char *)*whole + used, page, PROT_NONE) != 0) abort();
  return (unsigned char *)*whole + used - size;
}

/* Calls once. `pointer_at` is where in the input a 64-bit pointer to `pointee` goes, or -1; `output` and `pointee` are
   overwritten by what is there afterwards. */
int call_back(routine *callback, const unsigned char *input, uint32_t input_size, int32_t pointer_at,
              unsigned char *pointee, uint32_t pointee_size, unsigned char *output, uint32_t output_size)
{
  void *whole[3];
  size_t length[3];
  unsigned char *in = at_page_end(input_size, &whole[0], &length[0]);
  unsigned char *out = at_page_end(output_size, &whole[1], &length[1]);
  unsigned char *there = at_page_end(pointee_size, &whole[2], &length[2]);
  memcpy(in, input, input_size);
  memcpy(out, output, output_size);
  memcpy(there, pointee, pointee_size);
  if (pointer_at >= 0) memcpy(in + pointer_at, &there, sizeof there);
  int answer = callback((void *)0x1234, in, out);
  memcpy(output, out, output_size);
  memcpy(pointee, there, pointee_size);
  for (int i = 0; i < 3; i++) munmap(whole[i], length[i]);
  return answer;
}
