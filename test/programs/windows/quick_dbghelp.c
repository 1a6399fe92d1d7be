/* Wine's dbghelp.dll, without what makes it slow: before a dump it loads the symbols of all modules, which is most of its time, and a dump
 * needs none of them. */
#include <windows.h>
/* After windows.h. */
#include <dbghelp.h>

typedef BOOL(WINAPI *Write)(HANDLE, DWORD, HANDLE, ULONG, void *, void *, void *);
typedef DWORD(WINAPI *SetOptions)(DWORD);

__declspec(dllexport) BOOL WINAPI MiniDumpWriteDump(HANDLE process, DWORD pid, HANDLE file, MINIDUMP_TYPE type,
                                                    CONST PMINIDUMP_EXCEPTION_INFORMATION exception,
                                                    CONST PMINIDUMP_USER_STREAM_INFORMATION streams,
                                                    CONST PMINIDUMP_CALLBACK_INFORMATION callback) {
  HMODULE dbghelp = LoadLibraryA("C:\\windows\\system32\\dbghelp.dll");
  Write write = (Write)(void *)GetProcAddress(dbghelp, "MiniDumpWriteDump");
  SetOptions set_options = (SetOptions)(void *)GetProcAddress(dbghelp, "SymSetOptions");
  set_options(SYMOPT_DEFERRED_LOADS);
  return write(process, pid, file, type, (void *)exception, (void *)streams, (void *)callback);
}
