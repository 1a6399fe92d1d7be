// Crashes of the kinds that C++ programs have, each some calls deep: crashes HOW WHERE WAY. HOW is one of the table below, WHERE main or
// thread. WAY: `handler` stands in a signal handler once it has crashed (on a stack of its own), and prints what `mdmp dump --exception` is to
// be told; `core` dies of it. Prints READY, and crashes when it is sent a line.
#include <cassert>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

static int volatile zero = 0;

template <typename Action> __attribute__((noinline)) int deeper(int depth, Action action) {
  int result = depth == 0 ? action() : deeper(depth - 1, action);
  return result + 1 + zero;
}

// A throw that no handler may see.
__attribute__((noinline)) int throws(const std::string &text) {
  if (zero == 0) throw std::runtime_error(text);
  return 1;
}
__attribute__((noinline)) int promises(const char *text) noexcept {
  std::string copy = std::string(text) + " is a text that does not fit into a small string";
  return deeper(2, [&] { return throws(copy); }) + static_cast<int>(copy.size());
}

// A callback of the C library that crashes.
__attribute__((noinline)) int compare(const void *a, const void *b) {
  const int *const *left = static_cast<const int *const *>(a), *const *right = static_cast<const int *const *>(b);
  return **left - **right + zero;
}
__attribute__((noinline)) int sorts() {
  int numbers[] = {3, 1, 2};
  const int *pointers[] = {numbers, numbers + 1, nullptr, numbers + 2};
  qsort(pointers, 4, sizeof pointers[0], compare);
  return *pointers[0] + zero;
}

// A destructor that throws while another exception is on its way.
struct Bad {
  ~Bad() noexcept(false) { throws("from the destructor"); }
};
__attribute__((noinline)) int destroys() {
  try {
    Bad bad;
    throws("first");
  } catch (const std::runtime_error &) {
    return 2;
  }
  return 1 + zero;
}

struct Shape {
  virtual ~Shape() = default;
  virtual int area(int scale) const = 0;
};
struct Square : Shape {
  int side = 3;
  __attribute__((noinline)) int area(int scale) const override { return side * scale / zero; }
};
__attribute__((noinline)) int calls(const Shape &shape) { return shape.area(2) + zero; }

static int (*volatile nobody)(int) = nullptr;
__attribute__((noinline)) int calls_nobody() { return nobody(3) + zero; }

__attribute__((noinline)) int asserts(int value) {
  assert(value == zero + 8);
  return value + zero;
}

static int in(const char *how) {
  auto is = [how](const char *other) { return strcmp(how, other) == 0; };
  if (is("noexcept")) return promises(how);
  if (is("qsort")) return deeper(1, sorts);
  if (is("uncaught")) return deeper(1, [] { return throws("nobody catches this"); });
  if (is("destructor")) return deeper(1, destroys);
  if (is("virtual")) return deeper(1, [] { return calls(Square()); });
  if (is("null-call")) return deeper(1, calls_nobody);
  if (is("assert")) return deeper(1, [] { return asserts(7); });
  fprintf(stderr, "no such crash: %s\n", how);
  exit(2);
}

static void handler(int, siginfo_t *info, void *context) {
  printf("exception=%ld,%#lx,%#lx\nEND\n", syscall(SYS_gettid), reinterpret_cast<long>(info), reinterpret_cast<long>(context));
  fflush(stdout);
  for (;;) pause();
}

static void own_stack() {
  stack_t stack{};
  stack.ss_size = 256 << 10;
  stack.ss_sp = malloc(stack.ss_size);
  sigaltstack(&stack, nullptr);
}

static void *body(void *how) {
  own_stack();
  return reinterpret_cast<void *>(static_cast<long>(in(static_cast<const char *>(how)) + 1));
}

int main(int count, char **arguments) {
  if (count != 4) return 2;
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  if (strcmp(arguments[3], "handler") == 0) {
    struct sigaction action{};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (int number : {SIGSEGV, SIGFPE, SIGABRT}) sigaction(number, &action, nullptr);
  }
  own_stack();
  puts("READY");
  fflush(stdout);
  char line[16];
  if (fgets(line, sizeof line, stdin) == nullptr || strcmp(line, "quit\n") == 0) return 0;
  if (strcmp(arguments[2], "main") == 0) return in(arguments[1]) + 1;
  pthread_t thread;
  pthread_create(&thread, nullptr, body, arguments[1]);
  pthread_join(thread, nullptr);
  return 0;
}
