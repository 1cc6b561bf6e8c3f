#!/usr/bin/env python3
"""units_test.py UNITS DOCUMENT: the units as they are installed (UNITS, a directory), held by systemd's own tools to be
well-formed and no more exposed than promised; DOCUMENT (docs/SECURITY.md) gives a reason for all that is left open."""
import json
import os
import subprocess
import sys
import tempfile

BOUNDS = {"bangerd.service": 5.0, "bangerd@.service": 3.0}
# VMs live on in the daemon's control group, under its system call filter: what would end them, or what they need.
NEEDED = ["KillMode=process", "SendSIGKILL=no", "OOMPolicy=continue", "TasksMax=infinity", "Type=notify"]
FORBIDDEN = ["MemoryMax=", "MemoryHigh=", "MemoryDenyWriteExecute=yes", "PrivateDevices=yes", "PrivateUsers=yes", "RuntimeMaxSec=",
             "ExitType=", "CPUQuota="]


def analyze(*words, **more):
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True, **more)


def exposure_of(path):
    last = analyze("security", "--offline=true", "--no-pager", path).stdout.strip().splitlines()[-1]
    return float(last.split(": ")[1].split()[0])


def check(unit, bound, text, document, where):
    wrong = []
    lines = text.splitlines()
    wrong += [f"{unit}: {line} is missing" for line in NEEDED if line not in lines]
    wrong += [f"{unit}: {line} would harm VMs" for line in lines if any(line.startswith(each) for each in FORBIDDEN)]
    path = os.path.join(where, unit)
    with open(path, "w", encoding="utf-8") as out:  # verify wants the program to be there
        out.write("\n".join("ExecStart=/bin/true" if line.startswith("ExecStart=") else line for line in lines))
    verified = analyze("verify", "--man=no", path)
    if verified.returncode != 0 or verified.stderr:
        wrong.append(f"{unit}: systemd-analyze verify: {verified.stderr}")
    exposure = exposure_of(path)
    print(f"{unit}: exposure {exposure}, at most {bound}")
    if exposure > bound:
        wrong.append(f"{unit}: exposure {exposure} is above {bound}")
    for point in json.loads(analyze("security", "--offline=true", "--json=short", path).stdout):
        if point["exposure"] and f"| `{point['name']}` |" not in document:
            wrong.append(f"{unit}: no reason is given for {point['name']} ({point['exposure']})")
    return wrong


def main():
    units, document = sys.argv[1], open(sys.argv[2], encoding="utf-8").read()
    wrong = []
    with tempfile.TemporaryDirectory() as where:
        for unit, bound in BOUNDS.items():
            text = open(os.path.join(units, unit), encoding="utf-8").read()
            wrong += check(unit, bound, text, document, where)
    print("\n".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
