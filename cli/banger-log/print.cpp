#include "cli/banger-log/print.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace banger::log {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const std::optional<Anchor>& anchor) {
  if (!anchor) return nullptr;
  return {{"store", anchor->store.hex()},
          {"epoch", anchor->epoch},
          {"sequence", anchor->sequence},
          {"chain", to_hex(anchor->chain)}};
}

Json to_json(const Epoch& epoch) {
  return {{"number", epoch.number},
          {"reason", name_of(epoch.reason)},
          {"begins_after", epoch.begins_after},
          {"anchored", epoch.anchored}};
}

Json to_json(const ArchiveState& archive) {
  return {{"first", archive.record.first},
          {"last", archive.record.last},
          {"file", archive.name},
          {"bytes", archive.record.bytes},
          {"digest", to_hex(archive.record.digest)},
          {"problem", archive.problem.empty() ? Json(nullptr) : Json(archive.problem)}};
}

// An error's text may hold bytes of a damaged file: never let them break the output.
void print_json(const Json& json) {
  std::puts(json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

void print_field(const char* name, const std::string& value) {
  std::printf("%-16s%s\n", name, value.c_str());
}

void print_field(const char* name, std::uint64_t value) {
  print_field(name, std::to_string(value));
}

std::string describe(const std::optional<Anchor>& anchor) {
  if (!anchor) return "none";
  return "event " + std::to_string(anchor->sequence) + ", epoch " + std::to_string(anchor->epoch);
}

std::string describe(const Epoch& epoch) {
  std::string text = std::to_string(epoch.number) + ", " + std::string(name_of(epoch.reason)) + " after event " +
                     std::to_string(epoch.begins_after);
  if (epoch.anchored > epoch.begins_after) {
    text += ", lost at least " + std::to_string(epoch.anchored - epoch.begins_after);
  }
  return text;
}

}  // namespace

void print_report(const VerifyReport& report, Output output) {
  if (output == Output::kJson) {
    return print_json({{"ok", report.ok()},
                       {"store", report.store.hex()},
                       {"epoch", report.epoch},
                       {"head", report.head},
                       {"chain", to_hex(report.chain)},
                       {"anchor", to_json(report.anchor)},
                       {"blocks", report.blocks},
                       {"events", report.events},
                       {"erased_parts", report.erased_parts},
                       {"streams", report.streams},
                       {"commands", report.commands},
                       {"bytes", report.bytes},
                       {"archives", report.archives},
                       {"missing_archives", report.missing_archives},
                       {"problems", report.problems}});
  }
  print_field("store", report.store.hex());
  print_field("epoch", report.epoch);
  print_field("head", report.head);
  print_field("chain", to_hex(report.chain));
  print_field("anchor", describe(report.anchor));
  print_field("blocks", report.blocks);
  print_field("events", report.events);
  print_field("erased parts", report.erased_parts);
  print_field("streams", report.streams);
  print_field("commands", report.commands);
  print_field("bytes", report.bytes);
  if (report.archives > 0) print_field("archives", report.archives);
  for (const std::string& problem : report.problems) print_field("problem", problem);
  print_field("result", report.ok() ? "sound" : "damaged");
}

void print_stat(const LogStat& stat, Output output) {
  if (output == Output::kJson) {
    Json epochs = Json::array();
    for (const Epoch& epoch : stat.epochs) epochs.push_back(to_json(epoch));
    Json archives = Json::array();
    for (const ArchiveState& archive : stat.archives) archives.push_back(to_json(archive));
    return print_json({{"store", stat.store.hex()},
                       {"head", stat.head.sequence},
                       {"chain", to_hex(stat.head.chain)},
                       {"anchor", to_json(stat.anchor)},
                       {"epochs", epochs},
                       {"archives", archives},
                       {"database_bytes", stat.database_bytes},
                       {"block_bytes", stat.block_bytes},
                       {"wal_bytes", stat.wal_bytes},
                       {"ballast", stat.ballast}});
  }
  print_field("store", stat.store.hex());
  print_field("head", stat.head.sequence);
  print_field("chain", to_hex(stat.head.chain));
  print_field("anchor", describe(stat.anchor));
  for (const Epoch& epoch : stat.epochs) print_field("epoch", describe(epoch));
  for (const ArchiveState& archive : stat.archives) {
    print_field("archive", archive.name + ", " + std::to_string(archive.record.bytes) + " bytes");
    if (!archive.problem.empty()) print_field("problem", archive.problem);
  }
  print_field("database bytes", stat.database_bytes);
  print_field("block bytes", stat.block_bytes);
  print_field("wal bytes", stat.wal_bytes);
  print_field("ballast", stat.ballast ? "held" : "none");
}

void print_replaced(const std::optional<Replaced>& replaced, Output output) {
  if (output == Output::kJson) {
    if (!replaced) return print_json({{"replaced", false}});
    return print_json({{"replaced", true},
                       {"head", replaced->head},
                       {"epoch", to_json(replaced->epoch)},
                       {"kept_aside", replaced->kept_aside.string()}});
  }
  if (!replaced) {
    std::puts("the log is sound; nothing was changed");
    return;
  }
  print_field("head", replaced->head);
  print_field("epoch", describe(replaced->epoch));
  if (!replaced->kept_aside.empty()) print_field("kept aside", replaced->kept_aside.string());
}

void print_backup(const std::string& target, Output output) {
  if (output == Output::kJson) return print_json({{"backup", target}});
  print_field("backup", target);
}

}  // namespace banger::log
