#!/usr/bin/env python3
"""Bugs to plant in the shipped sources and in the simulated drivers and disk, one at a time: the simulator must find each.

bugs.py list                     NAME FILE, a line each
bugs.py plant SOURCE_DIR NAME    the file with the bug in it, to stdout
Each is a text that stands exactly once in its file, and what stands there instead.
"""
import sys

BUGS = {
    # The log's promises.
    "sync-skipped": ("tests/sim/disk.cpp",
                     "    group_ticket_ = last_ticket_;\n",
                     "    group_ticket_ = last_ticket_;\n"
                     "    Sequence early = disk_.head();\n"
                     "    for (const auto& each : under_way_) early += each.events.size();\n"
                     "    scheduler_.in(0, [this, early] { on_durable_({group_ticket_, early}); });\n"),
    "queue-told-durable": ("tests/sim/disk.cpp", "durable_ = {group_ticket_, disk_.head()};",
                           "durable_ = {last_ticket_, disk_.head()};"),
    "checkpoint-apart-from-rows": ("tests/sim/disk.cpp", "    disk_.apply(under_way_);\n    on_synced_();\n",
                                   "    for (auto& each : under_way_) each.rows.clear();\n"
                                   "    disk_.apply(under_way_);\n    on_synced_();\n"),
    "command-record-apart": ("tests/sim/disk.cpp", "    disk_.apply(under_way_);\n    on_synced_();\n",
                             "    for (auto& each : under_way_) each.command.reset();\n"
                             "    disk_.apply(under_way_);\n    on_synced_();\n"),
    "merge-loses-a-block": ("tests/sim/disk.cpp", "  auto merged = log::merge_blocks",
                            "  run.pop_back();\n  auto merged = log::merge_blocks"),
    # Drivers.
    "handles-over-observation": ("tests/sim/vm_hands.cpp", "    for (const VmmSighting& each : host_.vmms_of(vm.id)) {",
                                 "    for (const VmmSighting& each : std::vector<VmmSighting>()) {"),
    "kill-by-pid-alone": ("tests/sim/hands.cpp", "  if (host_.kill(process)) process_ended(process, by);",
                          "  host_.kill_pid(process.pid);\n  process_ended(process, by);"),
    "undo-forgets-a-loop": ("tests/sim/hands.cpp", "{&Things::tap, &Things::device, &Things::loop}",
                            "{&Things::tap, &Things::device}"),
    "deleted-without-proof": ("tests/sim/hands.cpp", "if (removed) return finish(task, {.outcomes = {ReportTornDown",
                              "if (removed || fence != 0) return finish(task, {.outcomes = {ReportTornDown"),
    "stopped-without-looking": ("tests/sim/vm_hands.cpp", "    if (!seen.empty()) {\n      watch", "    if (false) {\n      watch"),
    "adopts-any-incarnation": ("tests/sim/vm_hands.cpp", "if (each.incarnation == vm.incarnation && !start->up)",
                               "if (!start->up)"),
    # Deciding.
    "boot-id-not-checked": ("engine/decide_outcome.cpp", "if (asked.fleet.host.boot != report.boot) {", "if (false) {"),
    "incarnation-reused": ("engine/decide_vm.cpp", "return {incarnation + 1, limits", "return {incarnation, limits"),
    "deleted-at-once": ("engine/decide_vm.cpp", "{{stream_of(it.id), VmDeleteRequested{remove.force}}}",
                        "{{stream_of(it.id), VmDeleteRequested{remove.force}}, {stream_of(it.id), VmDeleted{}}}"),
    # Folding.
    "name-released-early": ("engine/evolve.cpp", "    end_incarnation(vm, VmState::kDeleting, envelope);",
                            "    end_incarnation(vm, VmState::kDeleting, envelope);\n    fleet.vm_names.erase(vm.name);"),
    "address-released-early": ("engine/evolve.cpp", "    end_incarnation(vm, VmState::kDeleting, envelope);",
                               "    end_incarnation(vm, VmState::kDeleting, envelope);\n    fleet.guest_addresses.erase(vm.guest_ip);"),
    "ports-released-early": ("engine/evolve.cpp", "    end_incarnation(vm, VmState::kDeleting, envelope);",
                             "    end_incarnation(vm, VmState::kDeleting, envelope);\n    give_back_ports(fleet, vm);"),
    # Planning.
    "failed-look-is-absence": ("engine/plan.cpp", "if (!observation.processes_known || observation.disturbed.contains(vm.id)) {",
                               "if (observation.disturbed.contains(vm.id)) {"),
    "disturbed-look-believed": ("engine/plan.cpp", "if (!observation.processes_known || observation.disturbed.contains(vm.id)) {",
                                "if (!observation.processes_known) {"),
    "effects-overlap": ("engine/plan.cpp", '      busy |= overtaken || effect.effect != "await_guest";', ""),
    "overtaken-not-cancelled": ("engine/plan.cpp", "if (overtaken && !effect.cancelling && !corrects(effect.effect)) {", "if (false) {"),
    "leftovers-not-released": ("engine/plan.cpp", "if (!held.empty()) result.effects.push_back(ReleaseHandles{vm.id, std::move(held)});", ""),
    "duplicates-not-killed": ("engine/plan.cpp", "if (right && presence == Presence::kAbsent) {", "if (right) {"),
    "swept-without-being-asked": ("engine/plan.cpp", "const bool sweep = context.sweep && ", "const bool sweep = "),
    # Running.
    "answer-before-sync": ("engine/runtime/runtime.cpp", "  when_durable([answer = std::move(answer), accepted] { answer(accepted); });",
                           "  answer(accepted);"),
    "append-and-effect-swapped": ("engine/runtime/reconcile.cpp", "  return is_durable(subject_of(effect));", "  return true;"),
    "image-effect-before-sync": ("engine/runtime/reconcile.cpp", "(vm ? vm->last_sequence : image ? image->last_sequence : 0)",
                                 "(vm ? vm->last_sequence : image ? 0 : 0)"),
    "pending-commands-forgotten": ("engine/runtime/runtime.cpp", "pending != undurable_commands_.end()) {",
                                   "pending != undurable_commands_.end() && false) {"),
    "old-commands-forgotten": ("engine/runtime/runtime.cpp", "    record = *found;\n", ""),
    "older-look-believed": ("engine/runtime/reconcile.cpp", "    if (disturbed) mark_disturbed(observation, subject);\n", ""),
    "exec-without-client-stays": ("engine/runtime/runtime.cpp", "    for (const OpenExec& exec : vm.execs) arm_exec_grace(id, exec.id);\n", ""),
    "held-for-ever": ("engine/runtime/reconcile.cpp", "  context_.held.clear();\n", ""),
    "failed-rules-believed": ("engine/runtime/reconcile.cpp", "if (set) context_.network = end.retry_later ? std::nullopt : set;",
                              "if (set && !end.retry_later) context_.network = set;"),
    "rows-of-one-stream-only": ("engine/runtime/store.cpp", "  for (StreamId stream : streams) {\n    for (Row& row",
                                "  for (StreamId stream : streams) {\n    if (stream != *streams.begin()) continue;\n    for (Row& row"),
}


def main() -> None:
    if sys.argv[1:] == ["list"]:
        for name, (path, _, _) in BUGS.items():
            print(name, path)
        return
    _, source_dir, name = sys.argv[1:]
    path, right, wrong = BUGS[name]
    with open(f"{source_dir}/{path}", encoding="utf-8") as file:
        text = file.read()
    if text.count(right) != 1:
        sys.exit(f"bugs.py: in {path} stands {text.count(right)} times what {name} would change: {right}")
    sys.stdout.write(text.replace(right, wrong))


main()
