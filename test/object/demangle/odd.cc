// Names that libraries seldom have. test/object/demangle/judged.test.ts compiles it with -O0 and -O2.
#include <compare>
#include <concepts>
#include <functional>
#include <string>
#include <tuple>
#include <vector>
#define KEEP __attribute__((noinline, used))

namespace odd {

struct A {
  int x;
  virtual void v();
  virtual ~A();
  operator int() const;
  template <class T> operator T *();
  int f() &;
  int f() &&;
  int f() const volatile &;
};
struct B : virtual A {
  void v() override;
  ~B();
};
struct C : B, virtual A {
  void v() override;
};
KEEP void A::v() {}
A::~A() {}
void B::v() {}
B::~B() {}
void C::v() {}
KEEP A::operator int() const { return 1; }
template <class T> KEEP A::operator T *() { return nullptr; }
KEEP int A::f() & { return 1; }
KEEP int A::f() && { return 2; }
KEEP int A::f() const volatile & { return 3; }

struct Left {
  virtual Left *clone();
};
struct Right {
  virtual Right *clone();
  int y;
};
struct Both : Left, Right {
  Both *clone() override;
};
Left *Left::clone() { return this; }
Right *Right::clone() { return this; }
Both *Both::clone() { return this; }

template <class... T> KEEP void pack(T...) {}
template <class... T> KEEP auto forwarded(T &&...t) -> std::tuple<T &&...> {
  return std::tuple<T &&...>(std::forward<T>(t)...);
}
template <class... T> KEEP auto sum(T... t) -> decltype((1 + ... + t)) { return (1 + ... + t); }
template <class T> KEEP auto member(T t) -> decltype(t.x + 1) { return 1; }
template <class T> KEEP auto cast(T *t) -> decltype(t->x, static_cast<long>(t->x)) { return 1; }
template <class T> KEEP auto made(T t) -> decltype(new T(t)) { return nullptr; }
template <class T> KEEP auto braced(T t) -> decltype(T{1}) { return t; }
template <class T> KEEP auto chosen(T t) -> decltype(true ? throw t : t) { return t; }
template <class T> KEEP auto sized(T t) -> char (&)[sizeof(T) + sizeof(t)] {
  static char text[8];
  return text;
}
template <class T, int n> KEEP void array(T (&)[n]) {}
template <class T> KEEP void pointers(T (*)[3], T (*(*)(int))(long), T A::*) {}
template <bool b, char c, long l, unsigned u, unsigned long long y, short s> KEEP void literals() {}
enum E { e0 };
enum class F : unsigned char { f0 };
template <E e, F f> KEEP void enums() {}
template <int A::*p> KEEP void memberArg() {}
template <void (A::*p)()> KEEP void functionArg() {}
template <auto V> KEEP void any() {}
template <template <class...> class TT, class... U> KEEP void templates(TT<U...>) {}
template <std::integral T> KEEP T constrained(T t) { return t; }
template <class T>
  requires(sizeof(T) > 2)
KEEP T required(T t) { return t; }

KEEP void types(_Complex double, __int128, unsigned __int128, __float128, char8_t, char16_t, wchar_t, long double) {}
KEEP void functions(void (*)() noexcept, void (&)(int) noexcept, void (A::*)() const &, void (A::*)() &&) {}
KEEP void qualified(int *__restrict, const int *const volatile *, ...) {}
KEEP void vector(__attribute__((vector_size(16))) int) {}
KEEP int operator""_lit(unsigned long long) { return 1; }
template <class T> KEEP int operator<(A &, T) { return 1; }
template <class T> KEEP int operator<<(A &, T *) { return 1; }
template <class T> KEEP bool operator->*(A &, T) { return 1; }
KEEP std::strong_ordering operator<=>(const A &, const A &) { return std::strong_ordering::equal; }
struct __attribute__((abi_tag("one", "two"))) Tagged {};
KEEP Tagged tagged() { return {}; }
KEEP std::string strings(std::string, std::vector<std::string>, std::function<void(int)>) { return ""; }

template <class T> struct Outer {
  template <class U> struct Inner {
    Inner();
    ~Inner();
    template <class V> KEEP void m(U, V) {}
  };
};
template <class T> template <class U> Outer<T>::Inner<U>::Inner() {}
template <class T> template <class U> Outer<T>::Inner<U>::~Inner() {}

struct Unnamed {
  struct {
    int a;
  } s;
} unnamed;
namespace {
struct Anonymous {};
KEEP void anonymous(Anonymous) {}
} // namespace
thread_local std::string local("x");
KEEP std::string &getLocal() { return local; }
const std::string &extended = std::string("temporary");
struct Base {
  Base(int);
};
Base::Base(int) {}
struct Inheriting : Base {
  using Base::Base;
};

template <class T> KEEP void take(T f) { (void)f; }
template <class T> KEEP void call(T f) { f(1); }
KEEP void lambdas(int i) {
  call([](int) {});
  call([&i](auto) { i++; });
  struct Local {
    int q;
    KEEP void m() {
      static std::string text("x");
      call([this](int) { q = 1; });
    }
  };
  Local().m();
}

void use() {
  A a;
  int i = 0, z[3];
  a.operator int *();
  pack(), pack(1, 2.0, "x"), forwarded(i, 2, std::move(a)), sum(1, 2L), member(B()), cast(&a), made(1), braced(1);
  chosen(1), sized(1), array(z), pointers<int>(&z, nullptr, &A::x);
  literals<true, 'x', -5, 6u, 7ull, -3>(), enums<e0, F::f0>(), memberArg<&A::x>(), functionArg<&A::v>();
  any<3>(), any<&unnamed>(), any<F::f0>(), any<&A::x>(), templates(std::tuple<int, long>());
  constrained(1), required(1), operator<(a, 1), operator<<(a, &i), a->*1, anonymous({}), take(unnamed.s);
  take<void (*)(int) noexcept>(nullptr), take<std::string (A::*)(std::ostream &) const>(nullptr), take([] {});
  Outer<int>::Inner<long>().m(1, 'c');
  Inheriting inheriting(3);
  lambdas(i);
}

} // namespace odd

int main() {
  odd::use();
  odd::C c;
}
