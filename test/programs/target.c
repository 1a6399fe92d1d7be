/*
 * A small program to be dumped as it is, or as a static, position-dependent, deleted or oddly named one. Two threads besides the
 * main one, known bytes in its data, read-only data, heap and stack. Prints `NAME=ADDRESS LENGTH`.
 */
#include "common.h"
#include <semaphore.h>

#define LENGTH 256
unsigned char in_data[LENGTH] = {1};
const unsigned char in_rodata[LENGTH] = "read-only data of the test program";
static unsigned char in_bss[LENGTH];
static sem_t helper_stands;

static void fill(unsigned char *at, unsigned seed) {
  for (int i = 0; i < LENGTH; i++) at[i] = (unsigned char)(seed * 31 + i * 7 + (i >> 3));
}

NOINLINE void wait_inside(const char *name) {
  volatile unsigned char on_stack[LENGTH];
  fill((unsigned char *)on_stack, 5);
  say("%s=%p %d", name, (void *)on_stack, LENGTH);
  if (!strcmp(name, "stack")) serve(0);
  sem_post(&helper_stands);
  for (;;) pause();
}
NOINLINE void wait_nested(const char *name) { wait_inside(name); KEEP_FRAME(); }

static void *body(void *name) {
  prctl(PR_SET_NAME, (const char *)name);
  wait_nested(name);
  return 0;
}

int main(void) {
  unsigned char *in_heap = malloc(LENGTH);
  fill(in_data, 1);
  fill(in_bss, 2);
  fill(in_heap, 3);
  say("data=%p %d", (void *)in_data, LENGTH);
  say("rodata=%p %d", (void *)in_rodata, LENGTH);
  say("bss=%p %d", (void *)in_bss, LENGTH);
  say("heap=%p %d", (void *)in_heap, LENGTH);
  sem_init(&helper_stands, 0, 0);
  start_thread(body, "first helper", 0);
  sem_wait(&helper_stands);
  start_thread(body, "second helper", 0);
  sem_wait(&helper_stands);
  wait_nested("stack");
}
