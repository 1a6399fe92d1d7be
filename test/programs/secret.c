/*
 * Holds a secret on the stacks of the main thread and a helper, in the heap, in static data and in the environment. Start it with MDMP_TEST_SECRET set.
 * Prints `NAME=ADDRESS LENGTH`; `heap16` is the secret in UTF-16LE, `neighbour` are 64 bytes just before the heap's copy.
 */
#include "common.h"
#include <semaphore.h>

static char in_static[256];
static sem_t helper_stands;

NOINLINE void hold(const char *name, const char *secret) {
  volatile char on_stack[256];
  strncpy((char *)on_stack, secret, sizeof on_stack - 1);
  say("%s=%p %zu", name, (void *)on_stack, strlen(secret));
  if (!strcmp(name, "stack")) serve(0);
  sem_post(&helper_stands);
  for (;;) pause();
}
static void *body(void *secret) {
  hold("thread-stack", secret);
  return 0;
}

int main(void) {
  char *secret = getenv("MDMP_TEST_SECRET");
  if (!secret) { errno = EINVAL; die("MDMP_TEST_SECRET"); }
  size_t length = strlen(secret);
  char *block = malloc(64 + length + 1 + 64);
  memset(block, 'n', 64);
  strcpy(block + 64, secret);
  memset(block + 64 + length + 1, 'N', 64);
  char *wide = calloc(length + 1, 2);
  for (size_t i = 0; i < length; i++) wide[2 * i] = secret[i];
  strncpy(in_static, secret, sizeof in_static - 1);
  say("environment=%p %zu", (void *)secret, length);
  say("heap=%p %zu", (void *)(block + 64), length);
  say("neighbour=%p 64", (void *)block);
  say("heap16=%p %zu", (void *)wide, 2 * length);
  say("static=%p %zu", (void *)in_static, length);
  sem_init(&helper_stands, 0, 0);
  start_thread(body, secret, 0);
  sem_wait(&helper_stands);
  hold("stack", secret);
}
