# Runs inside gdb (gdb -p PID -x this, or with a core): writes the stack of every thread as JSON: function, file and line of each frame, inlined
# calls as frames of their own. MDMP_REPORT names the file to write.
import json
import os
import re

import gdb



def symbol_at(frame):
    """The name in the symbol table, demangled."""
    inner = frame.newer()
    called = inner is not None and inner.type() != gdb.SIGTRAMP_FRAME
    text = gdb.execute("info symbol %d" % (frame.pc() - int(called)), to_string=True)
    found = re.match(r"(.*?)(?: \+ \d+)? in section ", text)
    return found.group(1) if found else None


threads = []
for thread in gdb.selected_inferior().threads():
    thread.switch()
    frames = []
    frame = gdb.newest_frame()
    while frame is not None and len(frames) < 200:
        place = frame.find_sal()
        frames.append(
            {
                "function": frame.name(),
                "file": place.symtab.filename if place.symtab else None,
                "line": place.line if place.symtab and place.line else None,
                "inlined": frame.type() == gdb.INLINE_FRAME,
                "signal": frame.type() == gdb.SIGTRAMP_FRAME,
                "tailcall": frame.type() == gdb.TAILCALL_FRAME,
                "symbol": symbol_at(frame),
                "pc": hex(frame.pc()),
            }
        )
        try:
            frame = frame.older()
        except gdb.error:
            break
    threads.append({"id": thread.ptid[1], "frames": frames})

with open(os.environ["MDMP_REPORT"], "w") as report:
    json.dump({"threads": threads}, report)
