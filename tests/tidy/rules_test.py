"""Plants one breach of each rule in a small tree, and a clean file beside it: rules.py must name the first
and not the second."""

import pathlib
import tempfile

import rules

BREACHES = [
    ("engine/plan.cpp", "#include <chrono>\n"),
    ("engine/plan.cpp", "#include <random>\n"),
    ("engine/plan.cpp", "#include <thread>\n"),
    ("engine/plan.cpp", "#include <fstream>\n"),
    ("engine/plan.cpp", "#include <filesystem>\n"),
    ("engine/plan.cpp", "  #  include <unistd.h>\n"),
    ("engine/plan.h", "#include <sys/stat.h>\n"),
    ("engine/plan.cpp", "#include <unordered_map>\n"),
    ("engine/plan.cpp", '#include "drivers/uv/fd.h"\n'),
    ("engine/plan.cpp", '#include "events/log/event_log.h"\n'),
    ("engine/plan.cpp", '#include "engine/runtime/runtime.h"\n'),
    ("engine/plan.cpp", '#include "projections/rows.h"\n'),
    ("projections/history.cpp", '#include "schemas/projection.capnp.h"\n'),
    ("events/codec.cpp", '#include "engine/state.h"\n'),
    ("drivers/vmm/x.cpp", '#include "engine/runtime/runtime.h"\n'),
    ("engine/runtime/x.cpp", '#include "drivers/uv/loop.h"\n'),
    ("drivers/vmm/x.cpp", "#include <uv.h>\n"),
    ("drivers/vmm/x.cpp", "#include <kj/async-io.h>\n"),
    ("projections/rows.cpp", "#include <rocksdb/db.h>\n"),
    ("drivers/observe/x.cpp", "#include <rocksdb/db.h>\n"),
    ("drivers/vmm/x.cpp", "#include <libssh/libssh.h>\n"),
    ("drivers/vmm/x.cpp", "#include <netlink/netlink.h>\n"),
    ("drivers/effects/x.cpp", "#include <nftables/libnftables.h>\n"),
    ("cli/bangerd/x.cpp", "#include <ldns/ldns.h>\n"),
    ("drivers/network/x.cpp", "#include <uv.h>\n"),
    ("drivers/image/x.cpp", "#include <curl/curl.h>\n"),
    ("drivers/vmm/x.cpp", "// a line\n" * (rules.MAX_LINES + 1)),
    ("tests/x_test.cpp", "// a line\n" * (rules.MAX_LINES + 1)),
    ("schemas/event.capnp", "  vmmPid @9 :UInt32;\n"),
    ("schemas/projection.capnp", "  tapDevice @9 :Text;\n"),
    ("events/event.h", 'field("loop_fd", &X::loop_fd)\n'),
    ("engine/state.h", 'field("dm_name", &V::dm_name)\n'),
    ("events/event.h", 'BANGER_EVENT(A, 7, "a");\nBANGER_EVENT(B, 7, "b");\n'),
    ("docs/x.md", "see {root}/x\n"),
    ("scripts/x", "cd {root}\n"),
]

CLEAN = [
    ("engine/plan.cpp", '#include <map>\n#include "events/event.h"\n'),
    ("engine/runtime/x.cpp", '#include <chrono>\n#include "events/log/event_log.h"\n'),
    ("projections/rows.cpp", '#include "schemas/projection.capnp.h"\n#include "engine/state.h"\n'),
    ("drivers/uv/x.cpp", "#include <uv.h>\n"),
    ("events/log/x.cpp", '#include <rocksdb/db.h>\n#include "engine/ports.h"\n'),
    ("drivers/network/x.cpp", "#include <netlink/netlink.h>\n#include <nftables/libnftables.h>\n#include <ldns/ldns.h>\n"),
    ("tests/x_test.cpp", "#include <uv.h>\n"),
    ("schemas/event.capnp", "  rapid @9 :UInt32;\n  timeoutMs @10 :UInt64;\n"),
    ("events/event.h", 'BANGER_EVENT(A, 7, "a");\nBANGER_EVENT(B, 8, "b");\n'),
    ("docs/x.md", "see https://example.org/work/x and /root/x in a guest\n"),
]


def breaches_in(name, text):
    with tempfile.TemporaryDirectory() as root:
        path = pathlib.Path(root) / name
        path.parent.mkdir(parents=True)
        path.write_text(text.replace("{root}", str(pathlib.Path(root).resolve())))
        return list(rules.breaches(pathlib.Path(root)))


for name, text in BREACHES:
    found = breaches_in(name, text)
    assert found and all(each[0] == name for each in found), f"not seen: {name}: {text[:60]!r}"
for name, text in CLEAN:
    assert not breaches_in(name, text), f"wrongly seen: {name}: {text!r}"
