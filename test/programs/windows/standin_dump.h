/* The dump of the stand-in: user streams and a comment, through the callback or into the file. */
#include "standin_job.h"

static ULONG emit(ULONG64 offset, const void *bytes, ULONG size) {
  LARGE_INTEGER place;
  DWORD written;
  if (job.takes_writes) {
    BYTE *copy = guarded_copy(bytes, size);
    BOOL done;
    prepare(IO_WRITE);
    put_pointer(FIELD(ASKED(Io), MINIDUMP_IO_CALLBACK, Handle), job.file);
    put64(FIELD(ASKED(Io), MINIDUMP_IO_CALLBACK, Offset), offset);
    put_pointer(FIELD(ASKED(Io), MINIDUMP_IO_CALLBACK, Buffer), copy);
    put32(FIELD(ASKED(Io), MINIDUMP_IO_CALLBACK, BufferBytes), size);
    put32(REPLY(Status), FAILURE);
    done = ask_about(copy, size) && get32(REPLY(Status)) == OK;
    release(copy);
    return done ? OK : FAILURE;
  }
  place.QuadPart = (LONGLONG)offset;
  if (!SetFilePointerEx(job.file, place, NULL, FILE_BEGIN)) return BAD_HANDLE;
  return WriteFile(job.file, bytes, size, &written, NULL) && written == size ? OK : 0x80070070; /* ERROR_DISK_FULL */
}

/* First a header and directory of zeroes, then the streams from the last to the first, then the header and directory as they are: as
 * DbgHelp's, these offsets do not only grow. */
static ULONG write_dump(void) {
  static const char comment[] = "written by the stand-in for DbgHelp";
  ULONG users = job.streams ? get32(FIELD(job.streams, MINIDUMP_USER_STREAM_INFORMATION, UserStreamCount)) : 0;
  ULONG count = users + 1, i, head = SIZE_MINIDUMP_HEADER + count * SIZE_MINIDUMP_DIRECTORY, at = head;
  BYTE *array = users ? get_pointer(FIELD(job.streams, MINIDUMP_USER_STREAM_INFORMATION, UserStreamArray)) : NULL;
  BYTE *bytes = HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, head);
  ULONG failed = emit(0, bytes, head);

  put32(FIELD(bytes, MINIDUMP_HEADER, Signature), 0x504d444d);
  put32(FIELD(bytes, MINIDUMP_HEADER, Version), 0x0001a793);
  put32(FIELD(bytes, MINIDUMP_HEADER, NumberOfStreams), count);
  put32(FIELD(bytes, MINIDUMP_HEADER, StreamDirectoryRva), SIZE_MINIDUMP_HEADER);
  put32(FIELD(bytes, MINIDUMP_HEADER, TimeDateStamp), 0x60000000);
  put64(FIELD(bytes, MINIDUMP_HEADER, Flags), job.type);
  for (i = 0; i < count; i++) {
    BYTE *entry = bytes + SIZE_MINIDUMP_HEADER + i * SIZE_MINIDUMP_DIRECTORY, *stream = array + i * SIZE_MINIDUMP_USER_STREAM;
    ULONG size = i < users ? get32(FIELD(stream, MINIDUMP_USER_STREAM, BufferSize)) : sizeof comment;
    put32(FIELD(entry, MINIDUMP_DIRECTORY, StreamType),
          i < users ? get32(FIELD(stream, MINIDUMP_USER_STREAM, Type)) : 10 /* CommentStreamA */);
    put32(FIELD(entry, MINIDUMP_DIRECTORY, Location), size);
    put32(FIELD(entry, MINIDUMP_DIRECTORY, Location) + 4, at);
    at += (size + 3) & ~3u;
  }
  for (i = count; i-- > 0 && !failed;) {
    BYTE *entry = bytes + SIZE_MINIDUMP_HEADER + i * SIZE_MINIDUMP_DIRECTORY, *stream = array + i * SIZE_MINIDUMP_USER_STREAM;
    ULONG size = get32(FIELD(entry, MINIDUMP_DIRECTORY, Location)), rva = get32(FIELD(entry, MINIDUMP_DIRECTORY, Location) + 4);
    if (size) failed = emit(rva, i < users ? get_pointer(FIELD(stream, MINIDUMP_USER_STREAM, Buffer)) : (void *)comment, size);
  }
  if (!failed) failed = emit(0, bytes, head);
  HeapFree(GetProcessHeap(), 0, bytes);
  return failed;
}
