/* Memory of the stand-in for DbgHelp: structures written by offset, blocks that end where nothing may be touched, and the record.
 *
 * OFFSET_STRUCTURE_FIELD and SIZE_STRUCTURE come from the command line of the compiler; the tests take them from layouts.json, where
 * MSVC's numbers are. mingw's header has these structures wrong. */
#pragma once
#include <stdio.h>
#include <string.h>
#include <windows.h>

#define FIELD(base, structure, field) ((BYTE *)(base) + OFFSET_##structure##_##field)

static void put32(BYTE *at, ULONG value) { memcpy(at, &value, 4); }
static void put64(BYTE *at, ULONG64 value) { memcpy(at, &value, 8); }
static void put_pointer(BYTE *at, const void *value) { memcpy(at, &value, sizeof value); }
static ULONG get32(const BYTE *at) {
  ULONG value;
  memcpy(&value, at, 4);
  return value;
}
static void *get_pointer(const BYTE *at) {
  void *value;
  memcpy(&value, at, sizeof value);
  return value;
}

/* Bytes whose end is the end of a page after which nothing can be touched: who reads or writes too far crashes. */
static BYTE *guarded(size_t size) {
  size_t pages = (size + 0xfff) & ~(size_t)0xfff;
  DWORD before;
  BYTE *base = VirtualAlloc(NULL, pages + 0x1000, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
  if (!base) abort();
  VirtualProtect(base + pages, 0x1000, PAGE_NOACCESS, &before);
  return base + pages - size;
}

static BYTE *guarded_copy(const void *bytes, size_t size) { return memcpy(guarded(size), bytes, size); }

static void release(BYTE *block) {
  MEMORY_BASIC_INFORMATION information;
  if (block && VirtualQuery(block, &information, sizeof information)) VirtualFree(information.AllocationBase, 0, MEM_RELEASE);
}

/* The record: a line of JSON for each call. Each is written at once, so that it is there if the caller crashes. */
static FILE *record;

static void open_record(void) {
  WCHAR path[1024];
  DWORD length = GetEnvironmentVariableW(L"MDMP_STANDIN_RECORD", path, 1024);
  record = length > 0 && length < 1024 ? _wfopen(path, L"wb") : NULL;
}

static void say_bytes(const char *name, const void *bytes, size_t size) {
  size_t i;
  if (!record) return;
  fprintf(record, ",\"%s\":\"", name);
  for (i = 0; i < size; i++) fprintf(record, "%02x", ((const BYTE *)bytes)[i]);
  fputc('"', record);
}

static void say_number(const char *name, ULONG64 value) {
  if (record) fprintf(record, ",\"%s\":\"0x%llx\"", name, (unsigned long long)value);
}

static void begin(const char *kind) {
  if (record) fprintf(record, "{\"kind\":\"%s\"", kind);
}

static void end(void) {
  if (!record) return;
  fputs("}\n", record);
  fflush(record);
}
