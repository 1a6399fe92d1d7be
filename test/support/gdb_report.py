# Runs inside gdb (gdb -p PID -x this): writes the registers of every thread of the attached process as JSON.
# MDMP_REPORT names the file to write. With MDMP_HEAL=1, calls that the stop interrupted are restarted, so that the
# process goes on as if nothing had happened. With MDMP_VECTORS=1, ymm, zmm and k registers are added. MDMP_FRAME names a
# function: registers are those in its frame (behind a signal handler, say), of the threads that have one.
import json
import os

import gdb

GENERAL = {
    "i386:x86-64": "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags cs ss ds es fs gs fs_base gs_base orig_rax",
    "i386": "eax ebx ecx edx esi edi ebp esp eip eflags cs ss ds es fs gs orig_eax fctrl fstat ftag fioff fooff",
    "aarch64": " ".join("x%d" % i for i in range(31)) + " sp pc cpsr fpcr fpsr tpidr",
}
FLOATS = {"i386": 8}
XMM = {"i386:x86-64": 16, "i386": 8}
V = {"aarch64": 32}
RESULT = {"i386:x86-64": ("rax", "orig_rax"), "i386": ("eax", "orig_eax")}

# Calls that give EINTR after a mere stop (reference linux-capture, section 2), and the i386 numbers of them.
INTERRUPTED = {
    "i386:x86-64": {232, 281, 441, 65, 220, 0, 19, 45, 47, 299, 43, 288, 42, 1, 20, 44, 46, 128, 208, 333, 426},
    "i386": {256, 319, 441, 117, 420, 3, 145, 102, 371, 372, 337, 417, 364, 362, 4, 146, 369, 370, 177, 421, 247, 426},
}
EINTR = 4


def heal(registers, kind):
    result, call = RESULT[kind]
    width = 64 if kind != "i386" else 32
    if int(registers[result], 16) == (1 << width) - EINTR and int(registers[call], 16) in INTERRUPTED[kind]:
        gdb.execute("set $%s = -514" % result)


def register(name):
    # Printed, because eflags and mxcsr are of a flags type that Python cannot make a number.
    return gdb.execute("print/x $" + name, to_string=True).split("= 0x")[1].strip()


def vector(name, field, size):
    value = gdb.parse_and_eval("$" + name)
    if value.type.code == gdb.TYPE_CODE_VOID:
        return None
    parts = [int(value[field][i]) & 0xFF for i in range(size)]
    return "".join("%02x" % part for part in reversed(parts))


def vectors():
    found = {}
    for i in range(16):
        found["ymm%d" % i] = vector("ymm%d" % i, "v32_int8", 32)
    for i in range(32):
        found["zmm%d" % i] = vector("zmm%d" % i, "v64_int8", 64)
    for i in range(8):
        value = gdb.parse_and_eval("$k%d" % i)
        if value.type.code != gdb.TYPE_CODE_VOID:
            found["k%d" % i] = "%x" % int(value)
    return {name: value for name, value in found.items() if value is not None}


def thread_report(thread):
    thread.switch()
    gdb.execute("frame 0", to_string=True)
    if "MDMP_FRAME" in os.environ:
        try:
            gdb.execute("frame function " + os.environ["MDMP_FRAME"], to_string=True)
        except gdb.error:
            return None
    kind = gdb.selected_frame().architecture().name()
    registers = {name: register(name) for name in GENERAL[kind].split()}
    if os.environ.get("MDMP_HEAL") == "1":
        heal(registers, kind)
    if kind in XMM:
        registers["mxcsr"] = register("mxcsr")
    for i in range(FLOATS.get(kind, 0)):
        # The 80 bits as they are: gdb's own conversion to a number would round them.
        registers["st%d" % i] = raw("st%d" % i)
    for i in range(XMM.get(kind, 0)):
        registers["xmm%d" % i] = register("xmm%d.uint128" % i)
    for i in range(V.get(kind, 0)):
        registers["v%d" % i] = register("v%d.q.u[0]" % i)
    if os.environ.get("MDMP_VECTORS") == "1":
        registers.update(vectors())
    return {"id": thread.ptid[1] or thread.ptid[0], "name": thread.name, "registers": registers}


def raw(name):
    printed = gdb.execute("info registers " + name, to_string=True)
    return printed.split("(raw 0x")[1].split(")")[0]


reports = [thread_report(thread) for thread in gdb.selected_inferior().threads()]
report = {"threads": [one for one in reports if one is not None]}
with open(os.environ["MDMP_REPORT"], "w") as out:
    json.dump(report, out)
