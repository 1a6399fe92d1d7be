/* The main thread has left by pthread_exit and is a zombie; two others live on. Prints `leader=TID`, `worker=TID`. */
#include "common.h"

static pthread_t leader;

static void *body(void *unused) {
  prctl(PR_SET_NAME, "survivor");
  pthread_join(leader, 0);
  say("worker=%d", own_tid());
  serve(0);
  return unused;
}
static void *idle(void *unused) {
  for (;;) pause();
  return unused;
}

int main(void) {
  leader = pthread_self();
  say("leader=%d", own_tid());
  start_thread(idle, 0, 0);
  start_thread(body, 0, 0);
  pthread_exit(0);
}
