/* Threads that are made and end all the time: `churn [MAKERS]`. `report` prints `made=` and `errors=`. */
#include "common.h"
#include <stdatomic.h>

static atomic_ulong made, errors;

static void *short_lived(void *number) {
  volatile char work[512];
  memset((char *)work, (int)(intptr_t)number, sizeof work);
  return number;
}
static void *maker(void *unused) {
  for (intptr_t i = 0;; i++) {
    pthread_t threads[4];
    for (int k = 0; k < 4; k++) threads[k] = start_thread(short_lived, (void *)(i + k), 64 << 10);
    for (int k = 0; k < 4; k++) {
      void *result;
      if (pthread_join(threads[k], &result) || result != (void *)(i + k)) errors++;
    }
    made += 4;
  }
  return unused;
}
static void report(const char *line) {
  (void)line;
  say("made=%lu", made);
  say("errors=%lu", errors);
}

int main(int count, char **arguments) {
  int makers = count > 1 ? atoi(arguments[1]) : 3;
  for (int i = 0; i < makers; i++) start_thread(maker, 0, 0);
  serve(report);
}
