/* The callbacks of the stand-in, with the values that the tests expect. */
#include "standin_job.h"

static void include(void) {
  static const ULONG threads[] = {0x1001, 0xfffffffe};
  static const ULONG64 modules[] = {0x140000000, 0x7fff12340000};
  int i;
  for (i = 0; i < 2; i++) {
    prepare(INCLUDE_THREAD);
    put32(FIELD(ASKED(IncludeThread), MINIDUMP_INCLUDE_THREAD_CALLBACK, ThreadId), threads[i]);
    put32(REPLY(ThreadWriteFlags), 0x17);
    ask();
  }
  for (i = 0; i < 2; i++) {
    prepare(INCLUDE_MODULE);
    put64(FIELD(ASKED(IncludeModule), MINIDUMP_INCLUDE_MODULE_CALLBACK, BaseOfImage), modules[i]);
    put32(REPLY(ModuleWriteFlags), 0x0d);
    ask();
  }
}

/* The first with all that a module can have; the second with none of it. */
static void modules(void) {
  static const WCHAR first[] = L"C:\\stand in\\m\x00f6" L"dul\xd83d\xde00.dll", second[] = L"x";
  static const char cv[] = "RSDS\x01\x23\x45\x67\x89\xab\xcd\xef\x10\x32\x54\x76\x98\xba\xdc\xfe\x03\x00\x00\x00" "stand in.pdb";
  static const char misc[] = "misc record";
  int i, j;
  for (i = 0; i < 2; i++) {
    BYTE *path = i ? guarded_copy(second, sizeof second) : guarded_copy(first, sizeof first);
    BYTE *cv_record = i ? NULL : guarded_copy(cv, sizeof cv), *misc_record = i ? NULL : guarded_copy(misc, sizeof misc);
    BYTE *module;
    prepare(MODULE);
    module = ASKED(Module);
    put_pointer(FIELD(module, MINIDUMP_MODULE_CALLBACK, FullPath), path);
    put64(FIELD(module, MINIDUMP_MODULE_CALLBACK, BaseOfImage), i ? 0xffff800012340000 : 0x140000000);
    put32(FIELD(module, MINIDUMP_MODULE_CALLBACK, SizeOfImage), i ? 0xfffff000 : 0x23000);
    put32(FIELD(module, MINIDUMP_MODULE_CALLBACK, CheckSum), 0x12345 + i);
    put32(FIELD(module, MINIDUMP_MODULE_CALLBACK, TimeDateStamp), 0x5f5e0ff0 + i);
    /* VS_FIXEDFILEINFO: its signature and then words that tell their number. */
    for (j = 0; j < 13; j++)
      put32(FIELD(module, MINIDUMP_MODULE_CALLBACK, VersionInfo) + 4 * j, i ? 0 : j ? 0x01010101u * j : 0xfeef04bd);
    put_pointer(FIELD(module, MINIDUMP_MODULE_CALLBACK, CvRecord), cv_record);
    put32(FIELD(module, MINIDUMP_MODULE_CALLBACK, SizeOfCvRecord), i ? 0 : sizeof cv);
    put_pointer(FIELD(module, MINIDUMP_MODULE_CALLBACK, MiscRecord), misc_record);
    put32(FIELD(module, MINIDUMP_MODULE_CALLBACK, SizeOfMiscRecord), i ? 0 : sizeof misc);
    put32(REPLY(ModuleWriteFlags), i ? 0x0d : 0x7f);
    ask();
    release(path);
    release(cv_record);
    release(misc_record);
  }
}

static void fill_thread(BYTE *thread, BYTE *context) {
  int i;
  put32(FIELD(thread, MINIDUMP_THREAD_CALLBACK, ThreadId), 0x1001);
  put_pointer(FIELD(thread, MINIDUMP_THREAD_CALLBACK, ThreadHandle), (void *)(ULONG_PTR)0x244);
  for (i = 0; i < SIZE_CONTEXT; i++) context[i] = (BYTE)(i * 7 + 3);
  put32(FIELD(context, CONTEXT, ContextFlags), 0x10001f);
  put64(FIELD(context, CONTEXT, Rip), 0x140001234);
  put64(FIELD(context, CONTEXT, Rsp), 0x12fe10);
}

static void threads(void) {
  BYTE *thread;
  prepare(THREAD);
  thread = ASKED(Thread);
  fill_thread(thread, FIELD(thread, MINIDUMP_THREAD_CALLBACK, Context));
  put32(FIELD(thread, MINIDUMP_THREAD_CALLBACK, SizeOfContext), SIZE_CONTEXT);
  put64(FIELD(thread, MINIDUMP_THREAD_CALLBACK, StackBase), 0x12fe10);
  put64(FIELD(thread, MINIDUMP_THREAD_CALLBACK, StackEnd), 0x130000);
  put32(REPLY(ThreadWriteFlags), 0x77);
  ask();
  if (!job.every) return; /* It is Itanium's. */
  prepare(THREAD_EX);
  thread = ASKED(ThreadEx);
  fill_thread(thread, FIELD(thread, MINIDUMP_THREAD_EX_CALLBACK, Context));
  put32(FIELD(thread, MINIDUMP_THREAD_EX_CALLBACK, SizeOfContext), SIZE_CONTEXT);
  put64(FIELD(thread, MINIDUMP_THREAD_EX_CALLBACK, StackBase), 0x12fe10);
  put64(FIELD(thread, MINIDUMP_THREAD_EX_CALLBACK, StackEnd), 0x130000);
  put64(FIELD(thread, MINIDUMP_THREAD_EX_CALLBACK, BackingStoreBase), 0xe000000000001000);
  put64(FIELD(thread, MINIDUMP_THREAD_EX_CALLBACK, BackingStoreEnd), 0xe000000000002000);
  put32(REPLY(ThreadWriteFlags), 0x1f);
  ask();
}

static void ranges(ULONG type) {
  int i;
  for (i = 0; i < 4; i++) {
    prepare(type);
    put64(REPLY(MemoryBase), 0);
    put32(REPLY(MemorySize), 0);
    if (!ask() || !get32(REPLY(MemorySize))) return;
  }
}

static void put_region(BYTE *region, ULONG64 base) {
  put64(FIELD(region, MINIDUMP_MEMORY_INFO, BaseAddress), base);
  put64(FIELD(region, MINIDUMP_MEMORY_INFO, AllocationBase), base - 0x1000);
  put32(FIELD(region, MINIDUMP_MEMORY_INFO, AllocationProtect), PAGE_READWRITE);
  put32(FIELD(region, MINIDUMP_MEMORY_INFO, __alignment1), 0);
  put64(FIELD(region, MINIDUMP_MEMORY_INFO, RegionSize), 0x4000);
  put32(FIELD(region, MINIDUMP_MEMORY_INFO, State), MEM_COMMIT);
  put32(FIELD(region, MINIDUMP_MEMORY_INFO, Protect), PAGE_READONLY);
  put32(FIELD(region, MINIDUMP_MEMORY_INFO, Type), MEM_PRIVATE);
  put32(FIELD(region, MINIDUMP_MEMORY_INFO, __alignment2), 0);
}

/* Two passes over two regions, until the routine does not want to go on. */
static void regions(void) {
  int i;
  for (i = 0; i < 4; i++) {
    prepare(INCLUDE_REGION);
    put_region(REPLY(VmRegion), i % 2 ? 0x7ff000000000 : 0x10000);
    put32(REPLY(Continue), FALSE);
    if (!ask() || !get32(REPLY(Continue))) return;
  }
}

#define READ_SIZE 4000

static ULONG virtual_reads(void) {
  BYTE *buffer = guarded(READ_SIZE);
  ULONG done = 0;
  prepare(VM_QUERY);
  put64(FIELD(ASKED(VmQuery), MINIDUMP_VM_QUERY_CALLBACK, Offset), 0x7ffe0123);
  put32(REPLY(VmQueryStatus), NOT_IMPLEMENTED);
  memset(REPLY(VmQueryResult), 0, SIZE_MINIDUMP_MEMORY_INFO);
  ask();

  memset(buffer, 0x11, READ_SIZE);
  prepare(VM_PRE_READ);
  put64(FIELD(ASKED(VmPreRead), MINIDUMP_VM_PRE_READ_CALLBACK, Offset), 0x7fff00000010);
  put_pointer(FIELD(ASKED(VmPreRead), MINIDUMP_VM_PRE_READ_CALLBACK, Buffer), buffer);
  put32(FIELD(ASKED(VmPreRead), MINIDUMP_VM_PRE_READ_CALLBACK, Size), READ_SIZE);
  put32(REPLY(VmReadStatus), NOT_IMPLEMENTED);
  put32(REPLY(VmReadBytesCompleted), 0);
  if (ask_about(buffer, READ_SIZE) && get32(REPLY(VmReadStatus)) == OK) done = get32(REPLY(VmReadBytesCompleted));
  if (done > READ_SIZE) return release(buffer), FAILURE;

  memset(buffer + done, 0x22, READ_SIZE - done); /* What the process itself would have there. */
  prepare(VM_POST_READ);
  put64(FIELD(ASKED(VmPostRead), MINIDUMP_VM_POST_READ_CALLBACK, Offset), 0x7fff00000010);
  put_pointer(FIELD(ASKED(VmPostRead), MINIDUMP_VM_POST_READ_CALLBACK, Buffer), buffer);
  put32(FIELD(ASKED(VmPostRead), MINIDUMP_VM_POST_READ_CALLBACK, Size), READ_SIZE);
  put32(FIELD(ASKED(VmPostRead), MINIDUMP_VM_POST_READ_CALLBACK, Completed), READ_SIZE - 8);
  put32(FIELD(ASKED(VmPostRead), MINIDUMP_VM_POST_READ_CALLBACK, Status), OK);
  put32(REPLY(VmReadStatus), OK);
  put32(REPLY(VmReadBytesCompleted), READ_SIZE - 8);
  ask_about(buffer, READ_SIZE);
  release(buffer);
  return OK;
}

static ULONG read_failure(void) {
  BYTE *failure;
  prepare(READ_FAILURE);
  failure = ASKED(ReadMemoryFailure);
  put64(FIELD(failure, MINIDUMP_READ_MEMORY_FAILURE_CALLBACK, Offset), 0x7fff00002000);
  put32(FIELD(failure, MINIDUMP_READ_MEMORY_FAILURE_CALLBACK, Bytes), 0xfffff000);
  put32(FIELD(failure, MINIDUMP_READ_MEMORY_FAILURE_CALLBACK, FailureStatus), 0x8007012b);
  put32(REPLY(Status), FAILURE);
  return ask() && get32(REPLY(Status)) == OK ? OK : 0x8007012b;
}

static ULONG kernel_dump(void) {
  BOOL wanted;
  prepare(WRITE_KERNEL);
  put_pointer(REPLY(Handle), NULL);
  wanted = ask() && get_pointer(REPLY(Handle));
  if (!wanted && !job.every) return OK;
  prepare(KERNEL_STATUS);
  put32(ASKED(Status), 0x80070005); /* E_ACCESSDENIED: this is no DbgHelp with a debugger's rights. */
  ask();
  return OK;
}
