#include "inlined-calls.h"
volatile int sink;
int second(const shapes::Box *box, char letter);
namespace {
__attribute__((noinline)) int hidden(unsigned long long number, const char *const text) {
  sink = static_cast<int>(number) + text[0];
  return shapes::twice(shapes::Box{sink, 3});
}
} // namespace
extern "C" int start(void) {
  shapes::Box box{sink, sink + 1};
  for (int i = 0; i < sink; i++) {
    sink += shapes::twice(box);
    sink ^= hidden(i, "text");
  }
  return second(&box, 'x') + box.area();
}
