/* A crash that is caught: an exception handler, which the system calls on the stack of the function that failed, prints pid= and READY and
 * waits until it is ended. Built without frame pointers, so that only .pdata tells where the callers are, on both sides of the exception.
 * It ends by itself after five minutes. */
#include <stdio.h>
#include <windows.h>

#define CHAIN __attribute__((noinline, noclone))

static volatile int depth;

CHAIN LONG waits(const EXCEPTION_RECORD *record) {
  int i;
  printf("pid=%lu\nthread=%lu\nfault=0x%llx\nchain=fails,keeps_registers,outermost,main\nREADY\n", GetCurrentProcessId(),
         GetCurrentThreadId(), (unsigned long long)(ULONG_PTR)record->ExceptionAddress);
  fflush(stdout);
  for (i = 0; i < 3000; i++) Sleep(100);
  ExitProcess(3);
}

static LONG CALLBACK handler(EXCEPTION_POINTERS *pointers) {
  return waits(pointers->ExceptionRecord) + depth;
}

CHAIN int fails(int *where, int value) {
  depth++;
  *where = value;
  return value + depth;
}

CHAIN int keeps_registers(int *where, int a, int b) {
  int c = a * 3 + depth, d = b * 5 + depth, e = a ^ b ^ depth, f = a + b + depth;
  return fails(where, a + b) + c + d * e + f + a + b;
}

CHAIN int outermost(int *where) {
  volatile char room[3000];
  int result;
  room[0] = (char)depth;
  result = keeps_registers(where, depth, room[0]);
  return result + room[0];
}

int main(void) {
  AddVectoredExceptionHandler(1, handler);
  return outermost(NULL) + 1;
}
