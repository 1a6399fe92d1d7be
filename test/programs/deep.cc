// Threads in calls of every kind that compilers make something of: inlined, through templates, by callbacks of the C library, in a handler.
// Prints READY once all stand; then all wait.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <pthread.h>
#include <unistd.h>
#include <vector>

static std::atomic<int> waiting{0};

__attribute__((noinline)) void stand() {
  waiting++;
  for (;;) pause();
}

template <typename T> struct Holder {
  T value;
  __attribute__((noinline)) T visit(int depth) {
    if (depth == 0) stand();
    T result = value + visit(depth - 1);
    return result + 1;
  }
};

static inline __attribute__((always_inline)) int through(int depth) {
  Holder<long> holder{depth};
  return static_cast<int>(holder.visit(depth));
}

__attribute__((noinline)) int compare(const void *a, const void *b) {
  int order = through(3) - static_cast<int>(*static_cast<const char *>(a) - *static_cast<const char *>(b));
  return order + 1;
}

__attribute__((noinline)) void handler(int) { (void)(through(1) + 1); }

static void *plain(void *) { return reinterpret_cast<void *>(static_cast<long>(through(5) + 1)); }
static void *sorting(void *) {
  char letters[] = "zyxw";
  qsort(letters, 4, 1, compare);
  return reinterpret_cast<void *>(static_cast<long>(letters[0]));
}
static void *handling(void *) {
  pthread_kill(pthread_self(), SIGUSR1);
  return nullptr;
}

int main() {
  signal(SIGUSR1, handler);
  std::vector<pthread_t> threads;
  for (int i = 0; i < 48; i++) {
    pthread_t thread;
    pthread_create(&thread, nullptr, i % 3 == 0 ? plain : i % 3 == 1 ? sorting : handling, nullptr);
    threads.push_back(thread);
  }
  while (waiting < 48) usleep(1000);
  puts("READY");
  fflush(stdout);
  for (;;) pause();
}
