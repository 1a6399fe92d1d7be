/* A chain of functions that ends in a null write, for unwinding: built without frame pointers and without tail calls, so that only .pdata
 * tells where the callers are. The innermost function first prints pid=, the address that it is at and READY, and waits until the file
 * named by the first argument exists; without an argument it waits until it is ended. It ends by itself after five minutes. */
#include <stdio.h>
#include <windows.h>

#define CHAIN __attribute__((noinline, noclone))

static const char *go;
static volatile int depth;

CHAIN int innermost(int *where, int value) {
  int i;
  printf("pid=%lu\nthread=%lu\nchain=innermost,saves_registers,large_frame,recursive,recursive,recursive,outermost,main\nREADY\n",
         GetCurrentProcessId(), GetCurrentThreadId());
  fflush(stdout);
  for (i = 0; i < 3000; i++) {
    if (go && GetFileAttributesA(go) != INVALID_FILE_ATTRIBUTES) {
      *where = value;
      return value;
    }
    Sleep(100);
  }
  ExitProcess(3);
}

/* Keeps values across the call, so that the prologue pushes rbx, rbp, rsi, rdi, r12 … r15. */
CHAIN int saves_registers(int *where, int a, int b, int c) {
  int d = a * 3 + depth, e = b * 5 + depth, f = c * 7 + depth, g = a ^ b ^ c ^ depth, h = a + b + depth;
  int i = b - c + depth, j = a - c + depth;
  int result = innermost(where, a + b + c);
  return result + d + e * f + g * h + i * j + a + b + c;
}

/* More than 64 KiB: UWOP_ALLOC_LARGE, and a call of ___chkstk_ms in the prologue. */
CHAIN int large_frame(int *where, int value) {
  volatile char room[0x14000];
  int result;
  room[0] = (char)value;
  room[sizeof room - 1] = (char)value;
  result = saves_registers(where, value, value + 1, value + 2);
  return result + room[0] + room[sizeof room - 1];
}

CHAIN int recursive(int *where, int times, double x) {
  volatile double kept = x * 1.5;
  int result;
  depth++;
  result = times > 1 ? recursive(where, times - 1, kept) : large_frame(where, times);
  return result + (int)kept;
}

CHAIN int outermost(int *where) {
  int result = recursive(where, 3, 2.0);
  return result + depth;
}

int main(int argc, char **argv) {
  go = argc > 1 ? argv[1] : NULL;
  return outermost(NULL) + 1;
}
