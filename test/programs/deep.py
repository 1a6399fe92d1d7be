# Threads of a Python program in calls through the interpreter, the C library (a callback of qsort by ctypes, libffi between them), regular
# expressions and sorting. Prints READY once all stand; then all wait.
import ctypes
import functools
import re
import threading
import time

standing = threading.Semaphore(0)


def stand():
    standing.release()
    while True:
        time.sleep(1000)


def deeper(depth):
    return stand() if depth == 0 else deeper(depth - 1)


def by_expression():
    re.sub("b", lambda match: deeper(2), "abc")


def by_sorting():
    sorted([3, 1, 2], key=functools.cmp_to_key(lambda a, b: deeper(3)))


def by_qsort():
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(lambda a, b: deeper(1))
    letters = (ctypes.c_char * 4)(*b"zyxw")
    ctypes.CDLL(None).qsort(letters, 4, 1, compare)


def by_waiting():
    standing.release()
    threading.Event().wait()


kinds = [lambda: deeper(4), by_expression, by_sorting, by_qsort, by_waiting]
for kind in kinds * 2:
    threading.Thread(target=kind, daemon=True).start()
for _ in kinds * 2:
    standing.acquire()
print("READY", flush=True)
input()
