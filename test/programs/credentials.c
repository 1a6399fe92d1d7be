/*
 * A process with few capabilities, and a thread that has given up more: the kernel keeps credentials for each thread, and raw
 * system calls change one. Started as root.
 */
#include "common.h"
#include <grp.h>
#include <linux/capability.h>
#include <semaphore.h>

static sem_t stands;

static void keep(uint64_t capabilities) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {0};
  for (int i = 0; i < 2; i++) data[i].permitted = data[i].effective = (uint32_t)(capabilities >> (32 * i));
  if (syscall(SYS_capset, &header, data)) die("capset");
}

static void *body(void *argument) {
  (void)argument;
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (syscall(SYS_setresgid, 65534, 65534, 65534) || syscall(SYS_setresuid, 65534, 65534, 65534)) die("setresuid");
  say("thread=%d", own_tid());
  sem_post(&stands);
  for (;;) pause();
  return 0;
}

static void *same(void *argument) {
  (void)argument;
  sem_post(&stands);
  for (;;) pause();
  return 0;
}

int main(void) {
  gid_t groups[] = {1, 54321};
  if (setgroups(2, groups)) die("setgroups");
  sem_init(&stands, 0, 0);
  start_thread(body, 0, 0);
  while (sem_wait(&stands)) continue;
  keep(1u << CAP_NET_BIND_SERVICE | 1u << CAP_SYS_PTRACE | 1ull << 40);
  start_thread(same, 0, 0);
  while (sem_wait(&stands)) continue;
  /* Capabilities were given up: make it dumpable again, so that whoever tests it may look. */
  prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  serve(0);
}
