/* What DbgHelp does to the threads of a process while it dumps it: each is suspended once, and resumed at the end. */
#pragma once
#include <tlhelp32.h>
#include <windows.h>

static HANDLE held[256];
static int held_count;

static void suspend_threads(ULONG pid) {
  HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
  THREADENTRY32 entry;
  BOOL more;
  entry.dwSize = sizeof entry;
  held_count = 0;
  for (more = Thread32First(snapshot, &entry); more; more = Thread32Next(snapshot, &entry)) {
    HANDLE thread;
    if (entry.th32OwnerProcessID != pid || held_count == 256) continue;
    thread = OpenThread(THREAD_SUSPEND_RESUME, FALSE, entry.th32ThreadID);
    if (!thread) continue;
    SuspendThread(thread);
    held[held_count++] = thread;
  }
  CloseHandle(snapshot);
}

/* `left`: so many stay suspended, which DbgHelp would do if it broke down; the first is not among them unless all are. */
static void resume_threads(int left) {
  int i;
  for (i = 0; i < held_count; i++) {
    BOOL stays = left >= held_count || (i > 0 && i <= left);
    if (!stays) ResumeThread(held[i]);
    CloseHandle(held[i]);
  }
}
