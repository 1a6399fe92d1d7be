/* A DLL of target.exe, for dumps that leave it out. */
__declspec(dllexport) volatile int mdmp_extra_data = 42;

__declspec(dllexport) int mdmp_extra_answer(void) { return mdmp_extra_data; }
