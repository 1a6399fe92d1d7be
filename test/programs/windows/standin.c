/* A stand-in for DbgHelp: a MiniDumpWriteDump that issues every callback with known values and records what came back.
 *
 * It follows the contract (order, defaults, what an answer does) as far as the callback is concerned; the dump itself holds the user
 * streams, a comment and no more. What is in the environment:
 *   MDMP_STANDIN_RECORD  where the record goes
 *   MDMP_STANDIN         words: `every` issues also the callbacks that DbgHelp would not, `worker` works in a thread of its own,
 *                        `fail=80070057` fails at the end with that HRESULT, `suspend` suspends the threads of the process for that time,
 *                        `left=1` forgets to resume so many of them */
#include <stdlib.h>
#include "standin_callbacks.h"
#include "standin_dump.h"
#include "standin_suspend.h"

static void record_call(void) {
  ULONG i;
  begin("call");
  say_number("process", (ULONG_PTR)job.process);
  say_number("pid", job.pid);
  say_number("file", (ULONG_PTR)job.file);
  say_number("type", job.type);
  say_number("param", (ULONG_PTR)job.param);
  say_number("routine", (ULONG_PTR)job.routine);
  say_number("thread", GetCurrentThreadId());
  end();
  if (job.exception) {
    ULONG there = get32(FIELD(job.exception, MINIDUMP_EXCEPTION_INFORMATION, ClientPointers));
    BYTE *pointers = get_pointer(FIELD(job.exception, MINIDUMP_EXCEPTION_INFORMATION, ExceptionPointers));
    begin("exception");
    say_number("threadId", get32(FIELD(job.exception, MINIDUMP_EXCEPTION_INFORMATION, ThreadId)));
    say_number("pointers", (ULONG_PTR)pointers);
    say_number("clientPointers", there);
    if (!there && pointers) {
      say_bytes("record", get_pointer(FIELD(pointers, EXCEPTION_POINTERS, ExceptionRecord)), SIZE_EXCEPTION_RECORD);
      say_bytes("context", get_pointer(FIELD(pointers, EXCEPTION_POINTERS, ContextRecord)), SIZE_CONTEXT);
    }
    end();
  }
  if (!job.streams) return;
  for (i = 0; i < get32(FIELD(job.streams, MINIDUMP_USER_STREAM_INFORMATION, UserStreamCount)); i++) {
    BYTE *stream = (BYTE *)get_pointer(FIELD(job.streams, MINIDUMP_USER_STREAM_INFORMATION, UserStreamArray)) +
                   i * SIZE_MINIDUMP_USER_STREAM;
    begin("stream");
    say_number("type", get32(FIELD(stream, MINIDUMP_USER_STREAM, Type)));
    say_bytes("bytes", get_pointer(FIELD(stream, MINIDUMP_USER_STREAM, Buffer)),
              get32(FIELD(stream, MINIDUMP_USER_STREAM, BufferSize)));
    end();
  }
}

static ULONG work(void) {
  BOOL full = (job.type & 2) != 0, compressed = (job.type & 0x04000000) != 0;
  char words[256] = "", *failure;
  ULONG wanted = OK;
  GetEnvironmentVariableA("MDMP_STANDIN", words, sizeof words);
  job.every = strstr(words, "every") != NULL;
  failure = strstr(words, "fail=");
  if (failure) wanted = strtoul(failure + 5, NULL, 16);

  ask_status(IS_SNAPSHOT, OK, S_NO);
  if (ask_status(VM_START, OK, S_NO) || job.every) STEP(virtual_reads());
  prepare(IO_START);
  put_pointer(FIELD(ASKED(Io), MINIDUMP_IO_CALLBACK, Handle), job.file);
  put32(REPLY(Status), NOT_IMPLEMENTED);
  job.takes_writes = ask() && get32(REPLY(Status)) == S_NO;
  prepare(SECONDARY_FLAGS);
  put32(ASKED(SecondaryFlags), 0);
  put32(REPLY(SecondaryFlags), 0);
  ask();
  job.polls = job.routine != NULL;
  STEP(poll_cancel());
  include();
  STEP(poll_cancel());
  modules();
  threads();
  STEP(poll_cancel());
  if (!full || job.every) ranges(MEMORY), ranges(REMOVE_MEMORY);
  if (full || job.every) regions();
  if (job.every) STEP(read_failure());
  if (job.every || compressed) {
    prepare(COMPRESSED_START);
    memset(REPLY(CompressedMemoryStreamStart), 0, SIZE_MINIDUMP_COMPRESSED_MEMORY_STREAM_START_CALLBACK);
    ask();
    prepare(COMPRESSED_FINISH);
    put64(FIELD(ASKED(CompressedMemoryStreamFinish), MINIDUMP_COMPRESSED_MEMORY_STREAM_FINISH_CALLBACK, CompressedStreamSize),
          0x123456789a);
    put32(FIELD(ASKED(CompressedMemoryStreamFinish), MINIDUMP_COMPRESSED_MEMORY_STREAM_FINISH_CALLBACK, StreamCompressionRate), 37);
    ask();
  }
  STEP(poll_cancel());
  STEP(write_dump());
  if (job.takes_writes) {
    prepare(IO_FINISH);
    put_pointer(FIELD(ASKED(Io), MINIDUMP_IO_CALLBACK, Handle), job.file);
    put32(REPLY(Status), OK);
    if (!ask() || get32(REPLY(Status)) != OK) return FAILURE;
  }
  STEP(wanted);
  return kernel_dump();
}

static DWORD WINAPI worker(void *nothing) {
  (void)nothing;
  job.result = work();
  return 0;
}

__declspec(dllexport) BOOL WINAPI MiniDumpWriteDump(HANDLE process, DWORD pid, HANDLE file, ULONG type, void *exception, void *streams,
                                                    void *callback) {
  char words[256] = "";
  memset(&job, 0, sizeof job);
  job.process = process, job.pid = pid, job.file = file, job.type = type;
  job.exception = exception, job.streams = streams, job.callback = callback;
  if (callback) {
    job.routine = (Routine)get_pointer(FIELD(callback, MINIDUMP_CALLBACK_INFORMATION, CallbackRoutine));
    job.param = get_pointer(FIELD(callback, MINIDUMP_CALLBACK_INFORMATION, CallbackParam));
  }
  job.input = guarded(SIZE_MINIDUMP_CALLBACK_INPUT);
  job.output = guarded(SIZE_MINIDUMP_CALLBACK_OUTPUT);
  open_record();
  record_call();
  GetEnvironmentVariableA("MDMP_STANDIN", words, sizeof words);
  if (strstr(words, "suspend")) suspend_threads(pid);
  if (strstr(words, "worker")) {
    HANDLE thread = CreateThread(NULL, 0, worker, NULL, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
  } else {
    worker(NULL);
  }
  if (strstr(words, "suspend")) resume_threads(strstr(words, "left=") ? atoi(strstr(words, "left=") + 5) : 0);
  begin("result");
  say_number("hresult", job.result);
  end();
  if (record) fclose(record);
  release(job.input);
  release(job.output);
  SetLastError(job.result);
  return job.result == OK;
}
