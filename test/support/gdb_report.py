# Runs inside gdb (gdb -p PID -x this): writes the registers of every thread of the attached process as JSON.
# MDMP_REPORT names the file to write. With MDMP_HEAL=1, calls that the stop interrupted are restarted, so that the
# process goes on as if nothing had happened.
import json
import os

import gdb

GENERAL = (
    "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags cs ss ds es fs gs fs_base gs_base orig_rax".split()
)


# Calls that give EINTR after a mere stop (reference linux-capture, section 2).
INTERRUPTED = {232, 281, 441, 65, 220, 0, 19, 45, 47, 299, 43, 288, 42, 1, 20, 44, 46, 128, 208, 333, 426}
EINTR = (1 << 64) - 4


def heal(registers):
    if int(registers["rax"], 16) == EINTR and int(registers["orig_rax"], 16) in INTERRUPTED:
        gdb.execute("set $rax = -514")


def register(name):
    # Printed, because eflags and mxcsr are of a flags type that Python cannot make a number.
    return gdb.execute("print/x $" + name, to_string=True).split("= 0x")[1].strip()


def thread_report(thread):
    thread.switch()
    gdb.execute("frame 0", to_string=True)
    registers = {name: register(name) for name in GENERAL}
    if os.environ.get("MDMP_HEAL") == "1":
        heal(registers)
    registers["mxcsr"] = register("mxcsr")
    for i in range(16):
        registers["xmm%d" % i] = register("xmm%d.uint128" % i)
    return {"id": thread.ptid[1] or thread.ptid[0], "name": thread.name, "registers": registers}


report = {"threads": [thread_report(thread) for thread in gdb.selected_inferior().threads()]}
with open(os.environ["MDMP_REPORT"], "w") as out:
    json.dump(report, out)
