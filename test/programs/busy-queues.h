/* Tasks of busy.c: message queues, and waiting for several futexes. */
#include <mqueue.h>
#include <sys/msg.h>

static void do_futex_waitv(struct task *t) {
  struct { uint64_t value, address; uint32_t flags, reserved; } waiter = {0, (uintptr_t)&t->word, 2 /* 32 bits */, 0};
  struct { int64_t seconds, nanoseconds; } wide; /* 64 bits also in a 32-bit program */
  TIMED_UNTIL(
      CLOCK_MONOTONIC,
      (wide.seconds = end.tv_sec, wide.nanoseconds = end.tv_nsec, syscall(449, &waiter, 1, 0, &wide, CLOCK_MONOTONIC)),
      -1, ETIMEDOUT);
}

static void do_mq_receive(struct task *t) {
  char message[8];
  if (!t->ready) {
    char name[32];
    struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = sizeof message};
    snprintf(name, sizeof name, "/mdmp-busy-%d", getpid());
    t->fd[0] = mq_open(name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600, &attributes);
    if (t->fd[0] < 0) die("mq_open");
    mq_unlink(name);
    t->ready = 1;
  }
  TIMED_UNTIL(CLOCK_REALTIME, mq_timedreceive(t->fd[0], message, sizeof message, 0, &end), -1, ETIMEDOUT);
}

/* Numbered messages: none may be lost, doubled or out of order, whichever side waits. */
struct numbered {
  long type;
  unsigned long number;
};
#define NUMBER_SIZE (sizeof(struct numbered) - sizeof(long))
static int message_queue(struct task *t, void *(*other)(void *)) {
  if (!t->ready) {
    int queue = msgget(IPC_PRIVATE, 0600);
    if (queue < 0) die("msgget");
    /* Room for four. */
    struct msqid_ds settings;
    msgctl(queue, IPC_STAT, &settings);
    settings.msg_qbytes = 4 * NUMBER_SIZE;
    if (msgctl(queue, IPC_SET, &settings)) die("msgctl");
    t->queue = queue + 1;
    start_thread(other, t, 0);
    t->ready = 1;
  }
  return t->queue - 1;
}
static void *message_sender(void *argument) {
  struct task *t = argument;
  for (struct numbered message = {1, 0};; message.number++) {
    nanosleep(&every, 0);
    if (msgsnd(t->queue - 1, &message, NUMBER_SIZE, 0)) t->errors++;
  }
  return 0;
}
static void do_msgrcv(struct task *t) {
  struct numbered message = {0, 0};
  must(t, msgrcv(message_queue(t, message_sender), &message, NUMBER_SIZE, 0, 0), NUMBER_SIZE);
  if (message.number != t->count++) t->errors++;
}
static void *message_taker(void *argument) {
  struct task *t = argument;
  struct numbered message;
  for (unsigned long expected = 0;; expected++) {
    nanosleep(&every, 0);
    if (msgrcv(t->queue - 1, &message, NUMBER_SIZE, 0, 0) != (ssize_t)NUMBER_SIZE) t->errors++;
    else if (message.number != expected) t->errors++;
  }
  return 0;
}
static void do_msgsnd(struct task *t) {
  struct numbered message = {1, t->count++};
  must(t, msgsnd(message_queue(t, message_taker), &message, NUMBER_SIZE, 0), 0);
}
