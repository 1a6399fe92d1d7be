/* Stands in a signal handler, and had a secret in a register when the signal came: `siginfo=ADDRESS`, `ucontext=ADDRESS LENGTH`. */
#include "common.h"
#include <ucontext.h>

#define SECRET "0x5ec7e75ec7e7"

static void handler(int number, siginfo_t *info, void *context) {
  (void)number;
  say("siginfo=%p", (void *)info);
  say("ucontext=%p %zu", context, sizeof(ucontext_t));
  serve(0);
}

int main(void) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &action, 0);
  /* kill(getpid(), SIGUSR1) */
  __asm__ volatile("movq $" SECRET ", %%r15\n mov %0, %%edi\n mov $10, %%esi\n mov $62, %%eax\n syscall"
                   :
                   : "r"(getpid())
                   : "rax", "rdi", "rsi", "rcx", "r11", "r15", "memory");
  return 1;
}
