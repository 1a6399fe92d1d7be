/** A C++ program with much inlining: templates, lambdas, recursion, exceptions, anonymous namespaces, cold code. */
export const CPP_PROGRAM = `
#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>
#include <stdexcept>
namespace {
template <typename T> struct Tree {
  struct Node { T value; std::unique_ptr<Node> left, right; };
  std::unique_ptr<Node> root;
  size_t count = 0;
  void insert(T value) {
    auto *place = &root;
    while (*place) place = value < (*place)->value ? &(*place)->left : &(*place)->right;
    *place = std::make_unique<Node>(Node{std::move(value), nullptr, nullptr});
    count++;
  }
  template <typename F> void walk(const Node *node, F &&f) const {
    if (!node) return;
    walk(node->left.get(), f);
    f(node->value);
    walk(node->right.get(), f);
  }
};
inline int square(int x) { return x * x; }
inline int sumOfSquares(const std::vector<int> &v) {
  return std::accumulate(v.begin(), v.end(), 0, [](int a, int b) { return a + square(b); });
}
struct Shape { virtual ~Shape() = default; virtual double area() const = 0; };
struct Circle : Shape { double r; explicit Circle(double r) : r(r) {} double area() const override { return 3.14 * r * r; } };
struct Box : Shape { double a, b; Box(double a, double b) : a(a), b(b) {} double area() const override { return a * b; } };
}
static int risky(int n) {
  if (n > 100) throw std::runtime_error("too large: " + std::to_string(n));
  return n * 2;
}
int words(const std::string &text) {
  std::unordered_map<std::string, int> counts;
  std::istringstream in(text);
  for (std::string word; in >> word;) counts[word]++;
  std::vector<std::pair<std::string, int>> sorted(counts.begin(), counts.end());
  std::sort(sorted.begin(), sorted.end(), [](auto &a, auto &b) { return a.second > b.second || (a.second == b.second && a.first < b.first); });
  return sorted.empty() ? 0 : sorted[0].second;
}
int main(int argc, char **argv) {
  Tree<std::string> names;
  Tree<int> numbers;
  for (int i = 0; i < argc * 10; i++) {
    names.insert(std::string(argv[0]) + std::to_string(i * 7919 % 101));
    numbers.insert(i * 7919 % 101);
  }
  std::vector<int> v;
  numbers.walk(numbers.root.get(), [&](int x) { v.push_back(x); });
  std::string all;
  names.walk(names.root.get(), [&](const std::string &s) { all += s + ' '; });
  std::vector<std::unique_ptr<Shape>> shapes;
  shapes.push_back(std::make_unique<Circle>(argc));
  shapes.push_back(std::make_unique<Box>(argc, 2));
  double area = 0;
  for (auto &s : shapes) area += s->area();
  std::map<int, std::string> index;
  for (int x : v) index[x] = std::to_string(sumOfSquares(v));
  try { area += risky(v.size()); } catch (const std::exception &e) { all += e.what(); }
  std::regex r("([a-z]+)([0-9]+)");
  std::smatch m;
  if (std::regex_search(all, m, r)) area += m[2].str().size();
  return int(area) + words(all) + int(index.size());
}
`;
