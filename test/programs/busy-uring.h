/* Tasks of busy.c: io_uring, as far as the system allows it. */
#include <linux/io_uring.h>

struct ring {
  int fd; /* -1: not allowed here */
  unsigned *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
  struct io_uring_sqe *sqes;
  struct io_uring_cqe *cqes;
};
static struct ring *ring_of(struct task *t) {
  if (t->ring) return t->ring;
  struct io_uring_params p = {0};
  struct ring *ring = t->ring = calloc(1, sizeof *ring);
  ring->fd = (int)syscall(SYS_io_uring_setup, 4, &p);
  if (ring->fd < 0) {
    if (errno != EPERM && errno != ENOSYS) die("io_uring_setup");
    return ring;
  }
  fcntl(ring->fd, F_SETFD, FD_CLOEXEC);
  const int rights = PROT_READ | PROT_WRITE;
  char *sq = mmap(0, p.sq_off.array + p.sq_entries * 4, rights, MAP_SHARED, ring->fd, IORING_OFF_SQ_RING);
  char *cq = mmap(0, p.cq_off.cqes + p.cq_entries * sizeof *ring->cqes, rights, MAP_SHARED, ring->fd, IORING_OFF_CQ_RING);
  ring->sqes = mmap(0, p.sq_entries * sizeof *ring->sqes, rights, MAP_SHARED, ring->fd, IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || ring->sqes == MAP_FAILED) die("mmap of io_uring");
  ring->sq_tail = (void *)(sq + p.sq_off.tail);
  ring->sq_mask = (void *)(sq + p.sq_off.ring_mask);
  ring->sq_array = (void *)(sq + p.sq_off.array);
  ring->cq_head = (void *)(cq + p.cq_off.head);
  ring->cq_tail = (void *)(cq + p.cq_off.tail);
  ring->cq_mask = (void *)(cq + p.cq_off.ring_mask);
  ring->cqes = (void *)(cq + p.cq_off.cqes);
  return ring;
}
static void push(struct ring *ring, struct io_uring_sqe entry) {
  unsigned tail = *ring->sq_tail, at = tail & *ring->sq_mask;
  ring->sqes[at] = entry;
  ring->sq_array[at] = at;
  __atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
}
/* Takes the next completion, if there is one. */
static int completed(struct ring *ring, int *result) {
  unsigned head = *ring->cq_head;
  if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE)) return 0;
  *result = ring->cqes[head & *ring->cq_mask].res;
  __atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
  return 1;
}
static long enter(struct ring *ring, unsigned submitted, unsigned wanted) {
  return syscall(SYS_io_uring_enter, ring->fd, submitted, wanted, IORING_ENTER_GETEVENTS, 0, 0);
}

static void do_uring_wait(struct task *t) {
  struct ring *ring = ring_of(t);
  struct { int64_t seconds, nanoseconds; } time = {0, LIMIT_MS * 1000000};
  struct io_uring_getevents_arg argument = {.ts = (uintptr_t)&time};
  if (ring->fd < 0) usleep(10000);
  else TIMED(syscall(SYS_io_uring_enter, ring->fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof argument), -1, ETIME);
}
/* A call that has submitted something comes back early when it is stopped, with what it has submitted. */
static void do_uring_submit(struct task *t) {
  struct ring *ring = ring_of(t);
  static struct { int64_t seconds, nanoseconds; } time = {0, LIMIT_MS * 1000000};
  if (ring->fd < 0) {
    usleep(10000);
    return;
  }
  push(ring, (struct io_uring_sqe){.opcode = IORING_OP_TIMEOUT, .fd = -1, .addr = (uintptr_t)&time, .len = 1});
  uint64_t began = now_ns();
  int result;
  errno = 0;
  must(t, enter(ring, 1, 1), 1);
  if (!completed(ring, &result)) {
    t->shorts++;
    must(t, enter(ring, 0, 1), 0);
    if (!completed(ring, &result)) {
      t->errors++;
      return;
    }
  }
  errno = -result;
  timed(t, -1, -1, ETIME, began);
}
/* A read that a worker thread of the kernel does. */
static void *byte_giver(void *argument) {
  struct task *t = argument;
  for (unsigned char byte = 0;; byte++) {
    nanosleep(&every, 0);
    if (write(t->fd[1], &byte, 1) != 1) t->errors++;
  }
  return 0;
}
static void do_uring_worker(struct task *t) {
  struct ring *ring = ring_of(t);
  if (ring->fd < 0) {
    usleep(10000);
    return;
  }
  if (!t->ready) {
    if (pipe2(t->fd, O_CLOEXEC)) die("pipe");
    start_thread(byte_giver, t, 0);
    t->ready = 1;
  }
  static unsigned char byte;
  int result;
  push(ring, (struct io_uring_sqe){.opcode = IORING_OP_READ, .flags = IOSQE_ASYNC, .fd = t->fd[0], .addr = (uintptr_t)&byte, .len = 1});
  must(t, enter(ring, 1, 0), 1);
  while (!completed(ring, &result)) must(t, enter(ring, 0, 1), 0);
  if (result == 1) {
    if (byte != (unsigned char)t->count++) t->errors++;
  } else {
    errno = -result;
    must(t, -1, 1);
  }
}
