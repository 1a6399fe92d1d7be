/*
 * Has descriptors on a file system that is served by a program which never answers (FUSE; the program is this one). Whoever asks
 * for an attribute there waits for ever. Started as root; argv[1] is an empty folder. The mount is seen by this process alone.
 */
#include "common.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

int main(int count, char **arguments) {
  char options[128];
  if (count < 2) return 3;
  if (unshare(CLONE_NEWNS) || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0)) die("unshare");
  int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (device < 0) die("/dev/fuse");
  sprintf(options, "fd=%d,rootmode=40000,user_id=0,group_id=0", device);
  if (mount("test", arguments[1], "fuse", 0, options)) die("mount");
  int plain = open(arguments[1], O_PATH), directory = open(arguments[1], O_PATH | O_DIRECTORY);
  if (plain < 0 || directory < 0) die("open");
  say("plain=%d", plain);
  say("directory=%d", directory);
  serve(0);
}
