/*
 * Much debug information in a small file, for tests that damage it: calls inlined into each other, functions in parts, location
 * lists, a variable number of arguments, a switch, alloca.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
  struct node *left, *right;
  int value;
  union {
    double number;
    char text[8];
  } content;
};
typedef int (*visitor)(struct node *, void *);

static inline int square(int x) { return x * x; }
static inline int sum_of_squares(int a, int b) { return square(a) + square(b); }
static inline __attribute__((always_inline)) int clamped(int x, int low, int high) {
  if (x < low) return low;
  return x > high ? high : x;
}

static inline struct node *make(int value) {
  struct node *made = calloc(1, sizeof *made);
  if (made == NULL) abort();
  made->value = clamped(sum_of_squares(value, value + 1), 1, 1000);
  return made;
}

__attribute__((noinline)) static void insert(struct node **root, int value) {
  struct node **place = root;
  while (*place) place = value < (*place)->value ? &(*place)->left : &(*place)->right;
  *place = make(value);
}

__attribute__((noinline)) static int walk(struct node *root, visitor visit, void *context) {
  if (root == NULL) return 0;
  int count = walk(root->left, visit, context);
  count += visit(root, context);
  return count + walk(root->right, visit, context);
}

static int visit_node(struct node *node, void *context) {
  long *total = context;
  *total += clamped(node->value, -5, 500);
  if (__builtin_expect(*total > 1000000, 0)) {
    fprintf(stderr, "too large: %ld\n", *total);
    abort();
  }
  return 1;
}

__attribute__((noinline)) int total_of(int count, ...) {
  va_list arguments;
  va_start(arguments, count);
  int total = 0;
  for (int i = 0; i < count; i++) total += square(va_arg(arguments, int));
  va_end(arguments);
  return total;
}

__attribute__((noinline)) int choose(int kind, char *text) {
  char *copy = __builtin_alloca(strlen(text) + 1);
  strcpy(copy, text);
  switch (kind) {
    case 0: return copy[0];
    case 1: return sum_of_squares(copy[0], kind);
    case 2: return total_of(3, 1, 2, kind);
    case 3: return clamped(atoi(copy), 0, 9);
    case 4: return (int)strlen(copy);
    default: return -1;
  }
}

int main(int argc, char **argv) {
  struct node *root = NULL;
  long total = 0;
  for (int i = 0; i < argc * 10; i++) insert(&root, i * 7919 % 101);
  int count = walk(root, visit_node, &total);
  for (int i = 0; i < 6; i++) total += choose(i, argv[0]);
  printf("%d %ld\n", count, total);
  return 0;
}
