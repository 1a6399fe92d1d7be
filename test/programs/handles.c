/*
 * Opens one of each kind of file that a descriptor can stand for, in the folder argv[1]. Prints `NAME=FD` or `NAME=FD WORDS`:
 * addresses of sockets as getsockname and getpeername tell them.
 */
#include "common.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

static int checked(int fd, const char *what) {
  if (fd < 0) die(what);
  return fd;
}

static const char *address(int fd, int peer) {
  static char texts[2][INET6_ADDRSTRLEN + 16];
  struct sockaddr_storage storage;
  socklen_t size = sizeof storage;
  char host[INET6_ADDRSTRLEN];
  if (peer ? getpeername(fd, (struct sockaddr *)&storage, &size) : getsockname(fd, (struct sockaddr *)&storage, &size))
    die("getsockname");
  if (storage.ss_family == AF_INET6) {
    struct sockaddr_in6 *in = (struct sockaddr_in6 *)&storage;
    inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
    sprintf(texts[peer], "[%s]:%d", host, ntohs(in->sin6_port));
  } else {
    struct sockaddr_in *in = (struct sockaddr_in *)&storage;
    inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
    sprintf(texts[peer], "%s:%d", host, ntohs(in->sin_port));
  }
  return texts[peer];
}

static int loopback(int type) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = checked(socket(AF_INET, type, 0), "socket");
  if (bind(fd, (struct sockaddr *)&in, sizeof in)) die("bind");
  return fd;
}

static void join(int fd, int listener) {
  struct sockaddr_storage storage;
  socklen_t size = sizeof storage;
  if (getsockname(listener, (struct sockaddr *)&storage, &size)) die("getsockname");
  if (connect(fd, (struct sockaddr *)&storage, size)) die("connect");
}

/* Many descriptors of one file: their number is all that matters. */
static void command(const char *line) {
  int count = 0;
  if (sscanf(line, "many %d", &count) != 1) return;
  struct rlimit limit = {(rlim_t)count + 200, (rlim_t)count + 200};
  if (setrlimit(RLIMIT_NOFILE, &limit)) die("setrlimit");
  for (int i = 0; i < count; i++) checked(dup(0), "dup");
}

int main(int count, char **arguments) {
  if (count < 2 || chdir(arguments[1])) die("folder");
  int pair[2];

  say("file=%d", checked(open("open file.txt", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600), "file"));
  say("deleted=%d", checked(open("gone", O_RDONLY | O_CREAT, 0600), "deleted"));
  unlink("gone");
  say("directory=%d", checked(open(".", O_RDONLY), "directory"));
  say("device=%d", checked(open("/dev/zero", O_WRONLY), "device"));
  if (mkfifo("fifo", 0600)) die("mkfifo");
  say("fifo=%d", checked(open("fifo", O_RDWR), "fifo"));

  if (pipe(pair)) die("pipe");
  struct stat status;
  fstat(pair[0], &status);
  say("pipe_read=%d %lu", pair[0], (unsigned long)status.st_ino);
  say("pipe_write=%d %lu", pair[1], (unsigned long)status.st_ino);
  int readable = pair[0];

  int listener = loopback(SOCK_STREAM);
  if (listen(listener, 5)) die("listen");
  say("tcp_listener=%d %s", listener, address(listener, 0));
  int client = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
  join(client, listener);
  int server = checked(accept(listener, 0, 0), "accept");
  say("tcp_client=%d %s %s", client, address(client, 0), address(client, 1));
  say("tcp_server=%d %s %s", server, address(server, 0), address(server, 1));
  int udp = loopback(SOCK_DGRAM);
  say("udp=%d %s", udp, address(udp, 0));
  int connected = loopback(SOCK_DGRAM);
  join(connected, udp);
  say("udp_connected=%d %s %s", connected, address(connected, 0), address(connected, 1));
  struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  int six = socket(AF_INET6, SOCK_STREAM, 0);
  if (six >= 0 && !bind(six, (struct sockaddr *)&in6, sizeof in6) && !listen(six, 1))
    say("tcp6_listener=%d %s", six, address(six, 0));

  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair)) die("socketpair");
  say("unix_pair=%d", pair[0]);
  struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "the socket"};
  int named = checked(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  if (bind(named, (struct sockaddr *)&un, sizeof un) || listen(named, 1)) die("bind");
  say("unix_named=%d", named);
  struct sockaddr_un hidden = {.sun_family = AF_UNIX};
  int length = sprintf(hidden.sun_path + 1, "mdmp-test-%d", getpid());
  int abstract = checked(socket(AF_UNIX, SOCK_DGRAM, 0), "socket");
  if (bind(abstract, (struct sockaddr *)&hidden, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)))
    die("bind");
  say("unix_abstract=%d", abstract);
  struct sockaddr_nl nl = {.nl_family = AF_NETLINK, .nl_groups = 1};
  int netlink = checked(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), "netlink");
  if (bind(netlink, (struct sockaddr *)&nl, sizeof nl)) die("bind");
  socklen_t size = sizeof nl;
  getsockname(netlink, (struct sockaddr *)&nl, &size);
  say("netlink=%d %u", netlink, nl.nl_pid);

  /* For these root is needed. */
  int packet = socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ARP)), raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  if (packet >= 0) say("packet=%d", packet);
  if (raw >= 0) say("raw=%d", raw);

  int event = checked(eventfd(500, EFD_SEMAPHORE | EFD_CLOEXEC), "eventfd");
  say("eventfd=%d", event);
  int epoll = checked(epoll_create1(0), "epoll");
  struct epoll_event first = {.events = EPOLLIN | EPOLLET}, second = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, event, &first)) die("epoll_ctl");
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, readable, &second)) die("epoll_ctl");
  say("epoll=%d", epoll);
  int timer = checked(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd");
  struct itimerspec every = {.it_interval = {2, 500000000}, .it_value = {100000, 0}};
  if (timerfd_settime(timer, 0, &every, 0)) die("timerfd_settime");
  say("timer=%d", timer);
  say("timer_idle=%d", checked(timerfd_create(CLOCK_REALTIME, 0), "timerfd"));
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, 40);
  say("signalfd=%d", checked(signalfd(-1, &signals, 0), "signalfd"));
  int watcher = checked(inotify_init(), "inotify");
  int watch = checked(inotify_add_watch(watcher, ".", IN_CREATE), "inotify_add_watch");
  stat(".", &status);
  say("inotify=%d %d %lu", watcher, watch, (unsigned long)status.st_ino);
  say("memfd=%d", checked((int)syscall(SYS_memfd_create, "a memory", 0), "memfd"));
  int ring = (int)syscall(SYS_io_uring_setup, 8, (char[256]){0});
  if (ring >= 0) say("io_uring=%d", ring);
  say("pidfd=%d %d", checked((int)syscall(SYS_pidfd_open, getppid(), 0), "pidfd"), getppid());
  say("namespace=%d", checked(open("/proc/self/ns/uts", O_RDONLY), "namespace"));
  serve(command);
}
