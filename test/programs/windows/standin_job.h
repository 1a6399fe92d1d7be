/* One call of the stand-in's MiniDumpWriteDump, and how it asks the callback. */
#pragma once
#include "standin_memory.h"

#define OK 0u
#define S_NO 1u /* S_FALSE */
#define NOT_IMPLEMENTED 0x80004001u
#define FAILURE 0x80004005u
#define CANCELLED 0x800704c7u /* HRESULT_FROM_WIN32(ERROR_CANCELLED) */
#define BAD_HANDLE 0x80070006u
#define POISON 0xcd

enum {
  MODULE, THREAD, THREAD_EX, INCLUDE_THREAD, INCLUDE_MODULE, MEMORY, CANCEL, WRITE_KERNEL, KERNEL_STATUS, REMOVE_MEMORY, INCLUDE_REGION,
  IO_START, IO_WRITE, IO_FINISH, READ_FAILURE, SECONDARY_FLAGS, IS_SNAPSHOT, VM_START, VM_QUERY, VM_PRE_READ, VM_POST_READ,
  COMPRESSED_START, COMPRESSED_FINISH
};

typedef BOOL(WINAPI *Routine)(void *param, void *input, void *output);

static struct {
  HANDLE process, file;
  ULONG pid, type;
  BYTE *exception, *streams, *callback;
  BYTE *input, *output;
  Routine routine;
  void *param;
  BOOL every, takes_writes, polls;
  ULONG result;
} job;

#define STEP(call)              \
  do {                          \
    ULONG failed_ = (call);     \
    if (failed_) return failed_; \
  } while (0)

#define ASKED(field) FIELD(job.input, MINIDUMP_CALLBACK_INPUT, field)
#define REPLY(field) FIELD(job.output, MINIDUMP_CALLBACK_OUTPUT, field)

/* A callback's structures, with no known byte in them but the head of the input. */
static void prepare(ULONG type) {
  BOOL nobody = type == IO_START || type == WRITE_KERNEL;
  BOOL no_pid = nobody || type == IS_SNAPSHOT || (type >= VM_START && type <= VM_POST_READ);
  memset(job.input, POISON, SIZE_MINIDUMP_CALLBACK_INPUT);
  memset(job.output, POISON, SIZE_MINIDUMP_CALLBACK_OUTPUT);
  put32(ASKED(ProcessId), no_pid ? 0 : job.pid);
  put_pointer(ASKED(ProcessHandle), nobody ? NULL : job.process);
  put32(ASKED(CallbackType), type);
}

/* What `block` names is recorded before and after. */
static BOOL ask_about(BYTE *block, size_t size) {
  BYTE input[SIZE_MINIDUMP_CALLBACK_INPUT], output[SIZE_MINIDUMP_CALLBACK_OUTPUT];
  BOOL answer;
  if (!job.routine) return FALSE;
  memcpy(input, job.input, sizeof input);
  memcpy(output, job.output, sizeof output);
  begin("callback");
  say_number("type", get32(ASKED(CallbackType)));
  say_bytes("input", input, sizeof input);
  say_bytes("before", output, sizeof output);
  if (block) say_bytes("blockBefore", block, size);
  if (record) fflush(record);
  answer = job.routine(job.param, job.input, job.output);
  say_bytes("after", job.output, sizeof output);
  if (block) say_bytes("blockAfter", block, size);
  say_number("answer", (ULONG)answer);
  say_number("inputKept", !memcmp(input, job.input, sizeof input));
  say_number("thread", GetCurrentThreadId());
  end();
  return answer;
}

static BOOL ask(void) { return ask_about(NULL, 0); }

static BOOL ask_status(ULONG type, ULONG status, ULONG wanted) {
  prepare(type);
  put32(REPLY(Status), status);
  return ask() && get32(REPLY(Status)) == wanted;
}

/* Asked until the routine does not want to be asked any more, at most three times a place. */
static ULONG poll_cancel(void) {
  int i;
  for (i = 0; job.polls && i < 3; i++) {
    prepare(CANCEL);
    put32(REPLY(CheckCancel), FALSE);
    put32(REPLY(Cancel), FALSE);
    job.polls = ask() && get32(REPLY(CheckCancel));
    if (get32(REPLY(Cancel))) return CANCELLED;
  }
  return OK;
}
