/*
 * One of everything that a flag of MINIDUMP_TYPE adds to a dump, at addresses that it prints: `NAME=ADDRESS LENGTH`, each filled with the text of its
 * name, over and over. argv[1] is a folder for its files, argv[2] an ELF file that it maps, executable, and deletes.
 */
#include "common.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define LENGTH 4096

static char in_data[LENGTH] = {1};
static char in_bss[LENGTH];
static __thread char in_tls[256];
static char *in_heap;

static void fill(const char *name, char *at, size_t length) {
  for (size_t i = 0; i < length; i++) at[i] = name[i % strlen(name)];
  say("%s=%p %zu", name, (void *)at, length);
}

static char *map(int fd, size_t length, int protection, int flags) {
  char *at = mmap(0, length, protection, flags, fd, 0);
  if (at == MAP_FAILED) die("mmap");
  return at;
}

static int open_in(const char *folder, const char *name, size_t length) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, (off_t)length)) die(path);
  return fd;
}

NOINLINE void stand(char *pointed) {
  volatile char on_stack[256];
  char *volatile keep = pointed;
  fill("stack", (char *)on_stack, sizeof on_stack);
  say("pointer=%p 8", (void *)&keep);
  serve(0);
}

NOINLINE void *worker(void *unused) {
  fill("tls", in_tls, sizeof in_tls);
  say("worker=%p 16", (void *)worker);
  say("worker_tid=%d", own_tid());
  sem_post(unused);
  for (;;) pause();
}

int main(int argc, char **argv) {
  if (argc < 3) die("arguments");
  fill("data", in_data, LENGTH);
  fill("bss", in_bss, LENGTH);
  fill("maintls", in_tls, sizeof in_tls);
  char *environment = getenv("MDMP_COVERAGE");
  if (environment) fill("environment", environment, strlen(environment));
  in_heap = malloc(64 * LENGTH);
  fill("heap", in_heap + 16 * LENGTH, LENGTH);
  fill("anonymous", map(-1, 4 * LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS), LENGTH);
  fill("writecopy", map(open_in(argv[1], "writecopy.bin", LENGTH), LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE), LENGTH);
  /* Its second page lies behind the end of the file: nobody can read it. */
  char *partial = map(open_in(argv[1], "partial.bin", LENGTH), 2 * LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED);
  fill("partial", partial, LENGTH);

  int elf = open(argv[2], O_RDONLY | O_CLOEXEC);
  if (elf < 0) die(argv[2]);
  say("deleted=%p %d", (void *)map(elf, LENGTH, PROT_READ | PROT_EXEC, MAP_PRIVATE), LENGTH);
  unlink(argv[2]);

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof name;
  if (bind(listener, (struct sockaddr *)&name, sizeof name) || listen(listener, 1)) die("listen");
  getsockname(listener, (struct sockaddr *)&name, &length);
  say("port=%d", ntohs(name.sin_port));
  say("eventfd=%d", eventfd(42, EFD_CLOEXEC));
  say("main=%p 16", (void *)main);

  sem_t stands;
  sem_init(&stands, 0, 0);
  start_thread(worker, &stands, 0);
  sem_wait(&stands);
  stand(in_heap + 16 * LENGTH + 512);
}
