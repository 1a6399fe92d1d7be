/*
 * For gcc -m32 -no-pie: a thread of a 32-bit process that has switched itself to 64-bit code, as emulators do, and turns round there.
 */
#include "common.h"
#include <semaphore.h>

static sem_t stands;
static void *body(void *unused) {
  sem_post(&stands);
  /* pause and jmp are the same in both. */
  __asm__ volatile("ljmp $0x33, $1f\n1: pause\njmp 1b");
  return unused;
}
int main(void) {
  sem_init(&stands, 0, 0);
  start_thread(body, 0, 0);
  sem_wait(&stands);
  usleep(1000);
  serve(0);
}
