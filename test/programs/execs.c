/* Starts itself anew in the middle of its own threads, again and again: `execs MICROSECONDS [again]`. */
#include "common.h"

static char **arguments;

static void *waits(void *argument) {
  (void)argument;
  for (;;) pause();
  return 0;
}

static void *again(void *argument) {
  (void)argument;
  usleep((useconds_t)atoi(arguments[1]));
  char *next[] = {arguments[0], arguments[1], "again", 0};
  execv("/proc/self/exe", next);
  die("execv");
  return 0;
}

int main(int count, char **values) {
  arguments = values;
  for (int i = 0; i < 400; i++) start_thread(waits, 0, 64 * 1024);
  start_thread(again, 0, 0);
  if (count < 3) serve(0);
  /* Its input was READY's: all that is left of it is its end. */
  char byte;
  while (read(0, &byte, 1) > 0) continue;
  return 0;
}
