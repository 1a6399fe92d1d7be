#include "inlined-calls.h"
static __forceinline int helper(int a) {
  sink = a;
  return sink * 3;
}
int second(const shapes::Box *box, char letter) {
  int sum = helper(letter);
  if (sum > 40) sum += shapes::twice(*box);
  return sum + helper(sum);
}
