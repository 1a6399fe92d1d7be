# Runs inside gdb (gdb -p PID -x this): writes the registers of every thread of the attached process as JSON.
# MDMP_REPORT names the file to write.
import json
import os

import gdb

GENERAL = (
    "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags cs ss ds es fs gs fs_base gs_base orig_rax".split()
)


def number(value, bits):
    return format(int(value) & ((1 << bits) - 1), "x")


def thread_report(thread):
    thread.switch()
    gdb.execute("frame 0", to_string=True)
    registers = {name: number(gdb.parse_and_eval("(unsigned long long)$" + name), 64) for name in GENERAL}
    registers["mxcsr"] = number(gdb.parse_and_eval("(unsigned)$mxcsr"), 32)
    for i in range(16):
        registers["xmm%d" % i] = number(gdb.parse_and_eval("$xmm%d.uint128" % i), 128)
    return {"id": thread.ptid[1] or thread.ptid[0], "name": thread.name, "registers": registers}


report = {"threads": [thread_report(thread) for thread in gdb.selected_inferior().threads()]}
with open(os.environ["MDMP_REPORT"], "w") as out:
    json.dump(report, out)
