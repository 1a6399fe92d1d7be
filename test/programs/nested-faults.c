/*
 * Crashes as Java does: the handler of a fault makes and catches faults of its own while it reports, and calls abort in the end. Before that,
 * faults in plenty that are handled in full.
 *   nested-faults [alt]      the handler on a stack of its own
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile sig_atomic_t probing;

static __attribute__((noinline)) void touch(volatile char *place) { *place = 1; }

static int can_touch(volatile char *place) {
  if (sigsetjmp(back, 1) != 0) return 0;
  probing = 1;
  touch(place);
  return 1;
}

static void handler(int signal) {
  (void)signal;
  if (probing) {
    probing = 0;
    siglongjmp(back, 1);
  }
  for (long i = 1; i <= 20; i++) can_touch((volatile char *)(i * 64));
  abort();
}

int main(int count, char **words) {
  (void)words;
  static char stack[1 << 16];
  stack_t alt = {.ss_sp = stack, .ss_size = sizeof stack};
  if (count > 1) sigaltstack(&alt, NULL);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_NODEFER | (count > 1 ? SA_ONSTACK : 0);
  sigaction(SIGSEGV, &action, NULL);
  for (long i = 1; i <= 20; i++) can_touch((volatile char *)(i * 128));
  probing = 0;
  touch((volatile char *)0x4242);
  return 0;
}
