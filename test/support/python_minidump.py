"""Prints as JSON what PyPI's `minidump` reads of a dump: python3 python_minidump.py FOLDER_OF_THE_PACKAGE DUMP"""
import json
import logging
import sys

sys.path.insert(0, sys.argv[1])
logging.disable(logging.CRITICAL)  # it looks for a PEB in every dump
from minidump.minidumpfile import MinidumpFile  # noqa: E402

dump = MinidumpFile.parse(sys.argv[2])


def listed(stream, name):
    return [] if stream is None else getattr(stream, name)


def segments(stream):
    return [
        {"start": str(s.start_virtual_address), "end": str(s.end_virtual_address), "offset": s.start_file_address}
        for s in listed(stream, "memory_segments")
    ]


print(
    json.dumps(
        {
            "flags": dump.header.Flags if isinstance(dump.header.Flags, int) else dump.header.Flags.value,
            "memory": segments(dump.memory_segments),
            "memory64": segments(dump.memory_segments_64),
            "threadInfo": [
                {
                    "id": t.ThreadId,
                    "start": str(t.StartAddress),
                    "affinity": str(t.Affinity),
                    "created": str(t.CreateTime),
                    "exitStatus": t.ExitStatus,
                }
                for t in listed(dump.thread_info, "infos")
            ],
            "handles": [{"handle": h.Handle, "type": h.TypeName, "name": h.ObjectName} for h in listed(dump.handles, "handles")],
            "unloaded": [
                {"name": m.name, "base": str(m.baseaddress), "size": m.size}
                for m in listed(dump.unloaded_modules, "modules")
            ],
            "memoryInfo": [
                {"base": str(i.BaseAddress), "size": str(i.RegionSize), "state": i.State.name}
                for i in listed(dump.memory_info, "infos")
            ],
            "comment": None if dump.comment_a is None else dump.comment_a.data,
            "threadsEx": None if dump.threads_ex is None else len(dump.threads_ex.threads),
        }
    )
)
