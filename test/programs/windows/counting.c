/* A Windows process that shows whether its threads run: two workers that count, and one that is suspended from the beginning and would count,
 * too. Prints pid=, the thread ids, READY, and then every 20 ms a line `TICKS COUNT1 COUNT2 COUNT3 SUSPENDED1 SUSPENDED2 SUSPENDED3`, the
 * last three as Windows itself counts them. It ends by itself after five minutes. */
#include <stdio.h>
#include <windows.h>

static volatile LONG counts[3];

static DWORD WINAPI count_on(void *index) {
  while (counts[(ULONG_PTR)index] >= 0) {
    InterlockedIncrement(&counts[(ULONG_PTR)index]);
    Sleep(1);
  }
  return 0;
}

typedef LONG(WINAPI *Query)(HANDLE, int, void *, ULONG, ULONG *);

int main(void) {
  Query query = (Query)(void *)GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtQueryInformationThread");
  HANDLE threads[3];
  DWORD ids[3];
  int i, tick;
  for (i = 0; i < 3; i++) threads[i] = CreateThread(NULL, 0, count_on, (void *)(ULONG_PTR)i, i == 2 ? CREATE_SUSPENDED : 0, &ids[i]);
  printf("pid=%lu\nmain=%lu\nthread1=%lu\nthread2=%lu\nsuspended=%lu\nREADY\n", GetCurrentProcessId(), GetCurrentThreadId(), ids[0], ids[1],
         ids[2]);
  for (tick = 0; tick < 15000; tick++) {
    ULONG suspended[3] = {99, 99, 99};
    for (i = 0; i < 3; i++) query(threads[i], 35 /* ThreadSuspendCount */, &suspended[i], sizeof(ULONG), NULL);
    printf("%d %ld %ld %ld %lu %lu %lu\n", tick, counts[0], counts[1], counts[2], suspended[0], suspended[1], suspended[2]);
    fflush(stdout);
    Sleep(20);
  }
  return 0;
}
