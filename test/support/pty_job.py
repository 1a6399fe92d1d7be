"""Drives a shell on a terminal of its own: a command is started, stopped by Ctrl-Z, continued by fg, and ended by Ctrl-C.

pty_job.py COMMAND: waits for `thread=` in its output first. Prints what happened as JSON: the states of the processes whose command line
has MARK (an environment variable) in it, of that terminal only, when the shell had the terminal and when the command had it, and the last status of the shell.
"""
import json
import os
import pty
import re
import select
import sys
import time

LIMIT = 20


def main():
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(PS1="PROMPT> ", TERM="dumb")
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])

    def expect(text):
        end, seen = time.monotonic() + LIMIT, b""
        while re.search(text, seen) is None:
            left = end - time.monotonic()
            if left < 0 or not select.select([terminal], [], [], left)[0]:
                sys.exit(f"no {text} in {seen}")
            seen += os.read(terminal, 4096)
        return seen

    def send(text):
        os.write(terminal, text)

    def states():
        found = {}
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
                with open(f"/proc/{entry}/stat") as file:
                    state, _, _, session = file.read().rpartition(") ")[2].split()[:4]
            except OSError:
                continue
            if int(session) == pid and os.environ["MARK"].encode() in words:
                found["program" if len(words) < 6 else "mdmp"] = state
        return found

    def until(condition, what):
        end = time.monotonic() + LIMIT
        while not condition(states()):
            if time.monotonic() > end:
                sys.exit(f"{what}: {states()}")
            time.sleep(0.01)
        return states()

    stopped = lambda now: all(state in "Tt" for state in now.values())
    running = lambda now: now and all(state in "SRD" for state in now.values())
    report = {}
    expect(b"PROMPT> ")
    send(sys.argv[1].encode() + b"\n")
    expect(b"thread=")
    send(b"\x1a")
    report["stopped"] = expect(b"PROMPT> ").decode()
    report["while stopped"] = until(stopped, "stopped")
    send(b"fg\n")
    report["continued"] = until(running, "continued")
    send(b"\x1a")
    expect(b"PROMPT> ")
    send(b"bg\n")
    expect(b"PROMPT> ")
    report["in the background"] = until(running, "in the background")
    send(b"fg\n")
    expect(b"mdmp|fatal")
    send(b"\x03")
    expect(b"PROMPT> ")
    send(b"echo status=$?; exit\n")
    report["status"] = int(re.search(rb"status=(\d+)", expect(rb"status=\d+\r")).group(1))
    os.waitpid(pid, 0)
    report["left"] = states()
    print(json.dumps(report))


main()
