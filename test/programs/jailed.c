/* Lives in a root of its own: `jailed FOLDER`. */
#include "common.h"

int main(int count, char **values) {
  if (count < 2 || chroot(values[1]) || chdir("/")) die("chroot");
  serve(0);
}
