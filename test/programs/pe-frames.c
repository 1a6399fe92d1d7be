/* Functions with frames of all kinds, for unwind data of Windows: nothing of a C library is used, so that any compiler links it alone. */
#include <stdarg.h>

#ifdef _MSC_VER
#define NOINLINE __declspec(noinline)
#define EXPORT __declspec(dllexport)
#else
#define NOINLINE __attribute__((noinline))
#define EXPORT __declspec(dllexport)
#endif

#ifdef FREESTANDING
int _fltused;
void __main(void) {}
void __chkstk(void) {}
void *memcpy(void *to, const void *from, unsigned long long size) {
  for (unsigned long long i = 0; i < size; i++) ((volatile char *)to)[i] = ((const char *)from)[i];
  return to;
}
void *memset(void *to, int value, unsigned long long size) {
  for (unsigned long long i = 0; i < size; i++) ((volatile char *)to)[i] = (char)value;
  return to;
}
#endif

typedef int (*callback)(int, int);

volatile int sink;
volatile double float_sink;

NOINLINE int leaf(int a, int b) {
  return a * b + 1;
}

NOINLINE EXPORT int calls_one(int a) {
  return leaf(a, 2) + 1;
}

NOINLINE EXPORT int many_registers(callback call, int a, int b, int c, int d, int e, int f, int g) {
  int h = call(a, b), i = call(b, c), j = call(c, d), k = call(d, e), l = call(e, f), m = call(f, g);
  return call(h, i) + call(j, k) + call(l, m) + a + b + c + d + e + f + g + h + i + j + k + l + m;
}

NOINLINE EXPORT int large_frame(callback call, int n) {
  volatile char room[70000];
  room[n] = (char)n;
  return call(room[n / 2], n) + room[0];
}

NOINLINE EXPORT int middle_frame(callback call, int n) {
  volatile char room[2000];
  room[n] = (char)n;
  return call(room[n / 2], n) + room[0];
}

NOINLINE EXPORT int dynamic_frame(callback call, int n) {
  volatile char *room = __builtin_alloca(n + 16);
  room[n] = 1;
  int a = call(n, 1), b = call(a, n);
  return call(room[n], a) + a + b + room[0];
}

NOINLINE EXPORT double vectors(callback call, double a, double b, double c) {
  double d = a * b + c, e = a - b * c, f = a / (b + c), g = a * a + b, h = d * e, i = f * g;
  call(1, 2);
  float_sink = d + e;
  call(3, 4);
  return d * e + f * g + h - i + a + b + c;
}

NOINLINE EXPORT int variadic(int count, ...) {
  va_list list;
  va_start(list, count);
  int sum = 0;
  for (int i = 0; i < count; i++) sum += va_arg(list, int);
  va_end(list);
  return leaf(sum, count);
}

NOINLINE EXPORT int tail_call(callback call, int a, int b) {
  if (a > 3) sink = call(b, a);
  return calls_one(a + b);
}

NOINLINE EXPORT int tail_pointer(callback call, int a, int b) {
  sink = call(a, b);
  return call(b, a);
}

NOINLINE EXPORT int many_exits(callback call, int a) {
  if (a == 1) return call(a, 1);
  int b = call(a, 2);
  if (b == 3) return b;
  int c = call(b, a);
  if (c == b) return call(c, b) + a;
  for (int i = 0; i < c; i++) {
    if (call(i, c) == a) return i;
    b += call(i, b);
  }
  return a + b + c;
}

NOINLINE EXPORT int recursive(int n) {
  return n <= 1 ? 1 : recursive(n - 1) + recursive(n - 2);
}

int start(void) {
  int sum = calls_one(1) + many_registers(leaf, 1, 2, 3, 4, 5, 6, 7) + large_frame(leaf, 9) + middle_frame(leaf, 8);
  sum += dynamic_frame(leaf, 30) + (int)vectors(leaf, 1.5, 2.5, 3.5) + variadic(3, 1, 2, 3);
  sum += tail_call(leaf, 4, 5) + tail_pointer(leaf, 2, 3) + many_exits(leaf, 5) + recursive(5);
  return sum;
}

#ifndef FREESTANDING
int main(void) {
  return start() == 0;
}
#endif
