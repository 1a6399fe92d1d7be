/*
 * Threads with thread-local variables in the program, in a library that it loads (the same text with -DLIBRARY) and one that no
 * thread but the first has touched. Prints for each thread what it is and where its variables are.
 */
#include "common.h"

#ifdef LIBRARY
static __thread unsigned char in_library[100] = {1};
unsigned char *library_variable(void);
unsigned char *library_variable(void) { return in_library; }
#else
#include <dlfcn.h>
#include <link.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/auxv.h>
#include <sys/mman.h>

static __thread _Alignas(64) unsigned char in_program[200] = {2};
static __thread uint64_t in_bss;
static unsigned char *(*library_variable)(void);
static sem_t stands;

static void announce(const char *name, void *start) {
  memset(in_program, own_tid() & 0xff, sizeof in_program);
  in_bss = (uint64_t)own_tid() * 1000003u;
  unsigned char *in_library = 0;
  if (library_variable && strcmp(name, "untouched")) {
    in_library = library_variable();
    memset(in_library, (own_tid() + 7) & 0xff, 100);
  }
  say("%s=%d %p %p %p %p %p", name, own_tid(), (void *)pthread_self(), start, (void *)in_program, (void *)&in_bss,
      (void *)in_library);
}

static void *body(void *name) {
  if (!strcmp(name, "busy")) {
    cpu_set_t first;
    CPU_ZERO(&first);
    CPU_SET(0, &first);
    sched_setaffinity(0, sizeof first, &first);
    struct timespec used;
    do clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    while (used.tv_nsec < 300000000);
  }
  announce(name, (void *)body);
  sem_post(&stands);
  for (;;) pause();
  return 0;
}

/* A thread without a block of its own: it borrows the main thread's, and must not touch it. */
static int bare(void *argument) {
  (void)argument;
  for (;;) __asm__ volatile("syscall" : : "a"(SYS_pause) : "rcx", "r11", "memory");
  return 0;
}

int main(int count, char **arguments) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  say("started=%ld", (long)now.tv_sec);
  say("entry=0x%lx", getauxval(AT_ENTRY));
  say("arguments=%p %d", (void *)arguments, count);
  say("random=0x%lx", getauxval(AT_RANDOM));
#ifndef STATIC
  extern ElfW(Dyn) _DYNAMIC[];
  struct r_debug *debug = 0;
  for (ElfW(Dyn) *entry = _DYNAMIC; entry->d_tag; entry++)
    if (entry->d_tag == DT_DEBUG) debug = (struct r_debug *)entry->d_un.d_ptr;
  say("debug=%p", (void *)debug);
  if (count > 1) {
    void *library = dlopen(arguments[1], RTLD_NOW);
    if (!library) { fprintf(stderr, "%s\n", dlerror()); return 3; }
    library_variable = (unsigned char *(*)(void))dlsym(library, "library_variable");
  }
  for (struct link_map *map = debug->r_map; map; map = map->l_next)
    say("map%p=%p %s", (void *)map, (void *)map->l_ld, map->l_name);
#endif
  void *huge = mmap(0, 1ul << 40, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (huge == MAP_FAILED) die("mmap");
  say("huge=%p %lu", huge, 1ul << 40);
  sem_init(&stands, 0, 0);
  const char *names[] = {"first", "untouched", "busy"};
  for (int i = 0; i < 3; i++) {
    start_thread(body, (void *)(uintptr_t)names[i], 0);
    while (sem_wait(&stands)) continue;
  }
  char *stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int tid = clone(bare, stack + 65536, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, 0);
  if (tid < 0) die("clone");
  say("bare=%d", tid);
  announce("main", 0);
  serve(0);
}
#endif
