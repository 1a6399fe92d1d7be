/* A Windows process with known contents for dumps: threads with names, heap and global data, a secret, a DLL that can be left out.
 * Usage: target.exe [PATH\mdmp_extra.dll]. Prints pid=, addresses and thread ids, then READY, and waits until it is ended.
 * It ends by itself after five minutes, so that nothing is left of a test that died. */
#include <stdio.h>
#include <string.h>
#include <windows.h>

typedef HRESULT(WINAPI *SetThreadDescriptionFunction)(HANDLE, PCWSTR);

/* As arrays whose content is made at run time: neither text stands in the program file. */
static char global_data[64];
static char secret[64];

static HANDLE never, started;

static void fill(char *into, const char *text, char key) {
  size_t i;
  for (i = 0; text[i]; i++) into[i] = (char)(text[i] ^ key);
}

static DWORD WINAPI wait_for_ever(void *known) {
  /* A value of its own on each stack. */
  volatile ULONG64 marker[4];
  marker[0] = 0x6d646d7000000000ull | (ULONG64)(ULONG_PTR)known;
  marker[1] = (ULONG64)(ULONG_PTR)&marker[0];
  marker[2] = marker[3] = ~marker[0];
  printf("stack%u=0x%llx\n", (unsigned)(ULONG_PTR)known, (unsigned long long)(ULONG_PTR)&marker[0]);
  fflush(stdout);
  SetEvent(started);
  WaitForSingleObject(never, INFINITE);
  return (DWORD)marker[0];
}

int main(int argc, char **argv) {
  static const PCWSTR names[] = {L"mdmp worker", L"mdmp \x00fcml\x00e4ut", L"mdmp to leave out"};
  SetThreadDescriptionFunction describe;
  char *heap;
  int i;

  describe = (SetThreadDescriptionFunction)(void *)GetProcAddress(GetModuleHandleA("kernel32.dll"), "SetThreadDescription");
  never = CreateEventA(NULL, TRUE, FALSE, NULL);
  started = CreateEventA(NULL, FALSE, FALSE, NULL);

  /* Texts are xor 1 here: "global data of mdmp", "heap data of mdmp", "secret of mdmp". */
  fill(global_data, "fmnc`m!e`u`!ng!lelq", 1);
  heap = VirtualAlloc(NULL, 0x3000, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
  fill(heap + 0x100, "id`q!e`u`!ng!lelq", 1);
  for (i = 0; i < 0x1000; i++) heap[0x1000 + i] = (char)(i * 7);
  fill(secret, "rdbsdu!ng!lelq", 1);

  printf("pid=%lu\nmain=%lu\n", GetCurrentProcessId(), GetCurrentThreadId());
  printf("global=0x%llx\nheap=0x%llx\nsecret=0x%llx\n", (unsigned long long)(ULONG_PTR)global_data,
         (unsigned long long)(ULONG_PTR)heap, (unsigned long long)(ULONG_PTR)secret);
  printf("image=0x%llx\n", (unsigned long long)(ULONG_PTR)GetModuleHandleA(NULL));
  if (argc > 1) {
    HMODULE extra = LoadLibraryA(argv[1]);
    int (*answer)(void) = extra ? (int (*)(void))(void *)GetProcAddress(extra, "mdmp_extra_answer") : NULL;
    if (!answer) {
      fprintf(stderr, "%s: error %lu\n", argv[1], GetLastError());
      return 1;
    }
    printf("extra=0x%llx\nanswer=%d\n", (unsigned long long)(ULONG_PTR)extra, answer());
  }
  fflush(stdout);
  for (i = 0; i < 3; i++) {
    DWORD id;
    HANDLE thread = CreateThread(NULL, 0, wait_for_ever, (void *)(ULONG_PTR)(i + 1), 0, &id);
    printf("thread%d=%lu\n", i + 1, id);
    if (describe) describe(thread, names[i]);
    /* One after the other: their lines do not mix. */
    WaitForSingleObject(started, 10000);
  }
  printf("named=%d\nREADY\n", describe != NULL);
  fflush(stdout);
  WaitForSingleObject(never, 300000);
  return 0;
}
