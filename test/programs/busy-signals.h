/* Tasks of busy.c: threads with signal handlers. Their EINTRs are genuine where the handler ran, and only there. */
#define HANDLED_SIGNAL (SIGRTMIN + 5)

static _Thread_local volatile unsigned long handled;
static _Thread_local char *own_stack;
static _Thread_local struct task *own_task;
#define SIGNAL_STACK (64 << 10)
/* Signals come numbered; the handler takes its time on the alternate stack, so that stops find it there. */
static void on_handled(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  char here;
  if (&here < own_stack || &here >= own_stack + SIGNAL_STACK) own_task->errors++;
  if ((unsigned long)info->si_value.sival_int != handled) own_task->errors++;
  for (uint64_t end = now_ns() + 200000; now_ns() < end;) {}
  handled++;
}
static void *signaller(void *argument) {
  pthread_t receiver = *(pthread_t *)argument;
  for (union sigval value = {.sival_int = 0};; value.sival_int++) {
    usleep(7000);
    while (pthread_sigqueue(receiver, HANDLED_SIGNAL, value)) usleep(1000);
  }
  return 0;
}
static void do_handler(struct task *t) {
  static pthread_t self;
  static int epoll;
  if (!t->ready) {
    struct sigaction action = {.sa_sigaction = on_handled, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    stack_t stack = {.ss_sp = own_stack = malloc(SIGNAL_STACK), .ss_size = SIGNAL_STACK};
    sigset_t set;
    own_task = t;
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (sigaltstack(&stack, 0) || sigaction(HANDLED_SIGNAL, &action, 0)) die("sigaltstack");
    sigemptyset(&set);
    sigaddset(&set, HANDLED_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &set, 0);
    self = pthread_self();
    start_thread(signaller, &self, 0);
    t->ready = 1;
  }
  struct epoll_event event;
  unsigned long before = handled;
  int result;
  switch (t->rounds % 3) {
    case 0: result = epoll_wait(epoll, &event, 1, LIMIT_MS); break;
    case 1: result = nanosleep(&limit, 0); break;
    default: result = poll(0, 0, LIMIT_MS);
  }
  if (result < 0 && errno == EINTR) {
    if (handled == before) t->eintrs++;
  } else if (result) t->errors++;
}

#ifdef __x86_64__
/* Steps itself by its own trap flag: 64 instructions and the three that clear the flag are one SIGTRAP each. */
static volatile unsigned traps;
static void on_trap(int number) {
  (void)number;
  traps++;
}
static void do_single_step(struct task *t) {
  if (!t->ready) {
    struct sigaction action = {.sa_handler = on_trap};
    if (sigaction(SIGTRAP, &action, 0)) die("sigaction");
    t->ready = 1;
  }
  traps = 0;
  __asm__ volatile(
      "sub $128, %%rsp\npushfq\norq $0x100, (%%rsp)\npopfq\n.rept 64\nnop\n.endr\n"
      "pushfq\nandq $~0x100, (%%rsp)\npopfq\nadd $128, %%rsp\n" ::: "cc", "memory");
  if (traps != 64 + 3) t->errors++, t->wrong = (int)traps;
  usleep(40000);
}
#endif
