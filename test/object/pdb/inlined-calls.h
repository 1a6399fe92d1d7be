#pragma once
extern volatile int sink;
namespace shapes {
struct Box {
  int width, height;
  __forceinline int area() const {
    sink += width;
    return width * height;
  }
};
template <typename T> __forceinline int twice(T value) {
  sink = value.area();
  if (sink > 100) sink -= value.width;
  return value.area() + value.area();
}
} // namespace shapes
