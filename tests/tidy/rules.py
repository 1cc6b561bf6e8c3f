"""Rules of the tree that no compiler checks: who may include whom, a core without clock, chance or I/O,
no kernel handle in anything stored, event kinds numbered once, files of bounded length, no machine's paths.

Usage: rules.py ROOT. Prints "file:line: what" for each breach and exits 1 if there was one.
"""

import pathlib
import re
import sys

SOURCE_FOLDERS = ("cli", "drivers", "engine", "events", "projections", "tests")
MAX_LINES = 400

# The pure core: nothing but these standard headers, and our own pure folders.
PURE_STD = {
    "algorithm", "array", "bit", "charconv", "compare", "concepts", "cstddef", "cstdint", "cstring",
    "expected", "functional", "initializer_list", "iterator", "limits", "map", "memory", "optional",
    "ranges", "set", "span", "string", "string_view", "tuple", "type_traits", "utility", "variant", "vector",
}
PURE_OWN = ("events/", "engine/", "projections/")

# A header (by its beginning) and the only folders whose files may include it.
ONLY_IN = {
    "uv.h": ("drivers/uv/",),
    "kj/async": ("drivers/rpc/", "cli/bangerctl/", "cli/banger-guest/"),
    "capnp/rpc": ("drivers/rpc/", "cli/bangerctl/", "cli/banger-guest/"),
    "rocksdb/": ("events/log/",),
    "libssh/": ("drivers/guest/", "cli/banger-guest/"),
    "libdevmapper": ("drivers/disk/", "drivers/observe/"),
    "netlink/": ("drivers/network/",),
    "nftables/": ("drivers/network/",),
    "ldns/": ("drivers/network/",),
    "curl/": ("drivers/vmm/firecracker/",),
    "openssl/": ("events/log/", "drivers/"),
}

# Nothing stored may be named like what the kernel holds for a VM.
HANDLE_WORDS = {"pid", "pids", "tap", "loop", "dm", "fd", "device", "ifindex", "inode", "devno"}

INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]')
CAPNP_FIELD = re.compile(r"^\s*(\w+)\s+@\d+\s*:")
STRUCT_FIELD = re.compile(r'field\("(\w+)"')
EVENT_KIND = re.compile(r"BANGER_EVENT\(\w+,\s*(\d+)")


def words_of(name):
    return {word.lower() for part in name.split("_") for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z]+", part)}


def is_pure(path):
    if path.startswith("engine/runtime/") or path == "engine/ports.h":
        return False
    return path.startswith(("engine/", "projections/"))


def breaches_of_include(path, header):
    if is_pure(path):
        own = header.startswith(PURE_OWN) and not header.startswith(("events/log/", "engine/runtime/"))
        stored_form = path in ("projections/past.cpp", "projections/rows.cpp") and header == "schemas/projection.capnp.h"
        if header not in PURE_STD and not own and not stored_form:
            yield f"the pure core must not include <{header}>"
        if path.startswith("engine/") and header.startswith("projections/"):
            yield "engine/ must not know projections/"
    if path.startswith("events/") and header.startswith(("engine/", "projections/", "drivers/", "cli/")):
        if not (path.startswith("events/log/") and header == "engine/ports.h"):
            yield f"events/ must not include {header}"
    if path.startswith("drivers/") and header.startswith(("engine/runtime/", "projections/", "cli/", "events/log/")):
        yield f"drivers/ must not include {header}"
    if path.startswith("engine/runtime/") and header.startswith(("drivers/", "cli/")):
        yield f"engine/runtime/ runs on the ports and must not include {header}"
    if path.startswith("tests/"):
        return
    for start, folders in ONLY_IN.items():
        if header.startswith(start) and not path.startswith(folders):
            yield f"only {', '.join(folders)} may include <{header}>"


def breaches_of_source(path, lines):
    if len(lines) > MAX_LINES:
        yield MAX_LINES + 1, f"{len(lines)} lines; a file has {MAX_LINES} at most"
    for number, line in enumerate(lines, 1):
        include = INCLUDE.match(line)
        if include:
            for what in breaches_of_include(path, include[1]):
                yield number, what


def breaches_of_schema(path, lines):
    pattern = CAPNP_FIELD if path.endswith(".capnp") else STRUCT_FIELD
    for number, line in enumerate(lines, 1):
        for name in pattern.findall(line):
            if words_of(name) & HANDLE_WORDS:
                yield number, f"'{name}' is named like a kernel handle, which must not be stored"


def breaches_of_kinds(lines):
    seen = {}
    for number, line in enumerate(lines, 1):
        for kind in EVENT_KIND.findall(line):
            if kind in seen:
                yield number, f"event kind {kind} is taken since line {seen[kind]}"
            seen.setdefault(kind, number)


def files_of(root):
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if name.startswith((".git/", "build/")) or not path.is_file() or path.is_symlink():
            continue
        yield name, path


def breaches(root):
    # Where this tree lies, and whose it is here: no file of it has to know. /root is also a guest's.
    places = {str(root.resolve()), str(pathlib.Path.home())} - {"/", "/root"}
    for name, path in files_of(root):
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        if name.endswith((".h", ".cpp")) and name.startswith(SOURCE_FOLDERS):
            yield from ((name, *each) for each in breaches_of_source(name, lines))
        if name in ("schemas/event.capnp", "schemas/projection.capnp", "events/event.h", "events/types.h",
                    "engine/state.h"):
            yield from ((name, *each) for each in breaches_of_schema(name, lines))
        if name == "events/event.h":
            yield from ((name, *each) for each in breaches_of_kinds(lines))
        for number, line in enumerate(lines, 1):
            if any(place in line for place in places):
                yield name, number, "a path of somebody's machine"


def main():
    found = list(breaches(pathlib.Path(sys.argv[1])))
    for name, number, what in found:
        print(f"{name}:{number}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
