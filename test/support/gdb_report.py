# Runs inside gdb (gdb -p PID -x this): writes the registers of every thread of the attached process as JSON.
# MDMP_REPORT names the file to write.
import json
import os

import gdb

GENERAL = (
    "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags cs ss ds es fs gs fs_base gs_base orig_rax".split()
)


def register(name):
    # Printed, because eflags and mxcsr are of a flags type that Python cannot make a number.
    return gdb.execute("print/x $" + name, to_string=True).split("= 0x")[1].strip()


def thread_report(thread):
    thread.switch()
    gdb.execute("frame 0", to_string=True)
    registers = {name: register(name) for name in GENERAL}
    registers["mxcsr"] = register("mxcsr")
    for i in range(16):
        registers["xmm%d" % i] = register("xmm%d.uint128" % i)
    return {"id": thread.ptid[1] or thread.ptid[0], "name": thread.name, "registers": registers}


report = {"threads": [thread_report(thread) for thread in gdb.selected_inferior().threads()]}
with open(os.environ["MDMP_REPORT"], "w") as out:
    json.dump(report, out)
