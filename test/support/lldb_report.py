# Runs inside LLDB (command script import): writes what LLDB sees in the loaded file as JSON.
# MDMP_REPORT names the file to write, MDMP_READS is a JSON list of [address, length] as decimal strings.
import json
import os

import lldb


def registers(frame):
    values = {}
    for group in frame.GetRegisters():
        for register in group:
            if register.GetValue() is not None:
                data = register.GetData()
                error = lldb.SBError()
                raw = data.ReadRawData(error, 0, data.GetByteSize())
                if error.Success():
                    values[register.GetName()] = raw[::-1].hex()
    return values


KEPT = ("rbx", "rbp", "rdi", "rsi", "r12", "r13", "r14", "r15")


def kept(frame):
    """What a caller on Windows x64 has again after a call."""
    found = [frame.FindRegister(name) for name in KEPT]
    return {value.GetName(): hex(value.GetValueAsUnsigned()) for value in found if value.IsValid()}


def thread_report(thread):
    return {
        "id": thread.GetThreadID(),
        "name": thread.GetName(),
        "stopReason": thread.GetStopReason(),
        "registers": registers(thread.GetFrameAtIndex(0)),
        "frames": [
            {
                "pc": str(frame.GetPC()),
                "sp": str(frame.GetSP()),
                "kept": kept(frame),
                "inlined": frame.IsInlined(),
                "function": frame.GetFunctionName(),
                "module": frame.GetModule().GetFileSpec().fullpath,
            }
            for frame in thread
        ],
    }


def module_report(target, module):
    spec = module.GetFileSpec()
    return {
        "path": spec.fullpath,
        "uuid": module.GetUUIDString(),
        "base": str(module.GetObjectFileHeaderAddress().GetLoadAddress(target)),
    }


def region_report(process):
    regions = []
    listed = process.GetMemoryRegions()
    info = lldb.SBMemoryRegionInfo()
    for i in range(listed.GetSize()):
        if listed.GetMemoryRegionAtIndex(i, info) and info.IsMapped():
            regions.append(
                {
                    "start": str(info.GetRegionBase()),
                    "end": str(info.GetRegionEnd()),
                    "protection": ("r" if info.IsReadable() else "-")
                    + ("w" if info.IsWritable() else "-")
                    + ("x" if info.IsExecutable() else "-"),
                }
            )
    return regions


def read(process, address, length):
    error = lldb.SBError()
    data = process.ReadMemory(int(address), int(length), error)
    return data.hex() if error.Success() and data is not None else None


def __lldb_init_module(debugger, _):
    target = debugger.GetSelectedTarget()
    process = target.GetProcess()
    report = {
        "threads": [thread_report(thread) for thread in process],
        "modules": [module_report(target, module) for module in target.module_iter()],
        "regions": region_report(process),
        "reads": [read(process, *wanted) for wanted in json.loads(os.environ.get("MDMP_READS", "[]"))],
        "triple": target.GetTriple(),
        "pid": process.GetProcessID(),
    }
    with open(os.environ["MDMP_REPORT"], "w") as out:
        json.dump(report, out)
