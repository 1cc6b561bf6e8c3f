#include "tests/events/log/simulated_disk.h"

#include <random>
#include <stdexcept>
#include <utility>

#include "tests/events/log/support.h"

namespace banger::log::test {
namespace fs = std::filesystem;
namespace {

std::size_t below(std::size_t bound) {
  static std::mt19937_64 chance(std::random_device{}());
  return chance() % bound;
}

}  // namespace

SimulatedDisk::SimulatedDisk() : root_(std::make_shared<Node>()) {
  root_->directory = true;
}

SimulatedDisk::NodePtr SimulatedDisk::find(const fs::path& path) const {
  NodePtr node = root_;
  for (const fs::path& part : path) {
    if (part == "." || part.empty()) continue;
    const auto found = node->entries.find(part.string());
    if (found == node->entries.end()) return nullptr;
    node = found->second;
  }
  return node;
}

SimulatedDisk::Node& SimulatedDisk::parent(const fs::path& path) const {
  const NodePtr node = find(path.parent_path());
  if (!node) throw std::runtime_error("the simulated disk has no directory for " + path.string());
  return *node;
}

void SimulatedDisk::apply(const Change& change, std::string& bytes) {
  if (change.resizes) return bytes.resize(change.offset);
  if (bytes.size() < change.offset + change.bytes.size()) bytes.resize(change.offset + change.bytes.size());
  bytes.replace(change.offset, change.bytes.size(), change.bytes);
}

void SimulatedDisk::apply(const Change& change, std::map<std::string, NodePtr>& entries) {
  if (change.node) {
    entries[change.name] = change.node;
  } else {
    entries.erase(change.name);
  }
}

void SimulatedDisk::make(Change change, Node& node) {
  if (node.directory) {
    apply(change, node.entries);
  } else {
    apply(change, node.bytes);
  }
  node.unsaved.push_back(std::move(change));
}

void SimulatedDisk::name(const fs::path& path, NodePtr node) {
  make({.name = path.filename().string(), .node = std::move(node)}, parent(path));
}

void SimulatedDisk::take(const Call& call) {
  using Kind = Call::Kind;
  NodePtr node = find(call.path);
  if (!node && call.kind != Kind::kOpen && call.kind != Kind::kMakeDir) return;  // removed: nobody will find it
  switch (call.kind) {
    case Kind::kSay:
    case Kind::kSyncRange: break;  // promises nothing
    case Kind::kOpen:
      if (!node) name(call.path, std::make_shared<Node>());
      if (node && call.cuts) make({.offset = 0, .resizes = true}, *node);
      break;
    case Kind::kMakeDir:
      if (node) break;
      node = std::make_shared<Node>();
      node->directory = true;
      name(call.path, std::move(node));
      break;
    case Kind::kWrite:
      make({.bytes = call.bytes, .offset = static_cast<std::size_t>(call.offset.value_or(node->bytes.size()))}, *node);
      break;
    case Kind::kTruncate: make({.offset = static_cast<std::size_t>(call.size), .resizes = true}, *node); break;
    case Kind::kAllocate:
      if (call.size > node->bytes.size()) make({.offset = static_cast<std::size_t>(call.size), .resizes = true}, *node);
      break;
    case Kind::kSync: node->syncing = node->unsaved.size(); break;
    case Kind::kSynced: {
      const auto end = node->unsaved.begin() + static_cast<std::ptrdiff_t>(node->syncing);
      for (auto it = node->unsaved.begin(); it != end; ++it) {
        node->directory ? apply(*it, node->saved_entries) : apply(*it, node->saved_bytes);
      }
      node->unsaved.erase(node->unsaved.begin(), end);
      node->syncing = 0;
      break;
    }
    case Kind::kRename:
      name(call.path, nullptr);
      name(call.to, node);
      break;
    case Kind::kLink: if (!find(call.to)) name(call.to, node); break;
    case Kind::kUnlink:
    case Kind::kRemoveDir: name(call.path, nullptr); break;
  }
}

void SimulatedDisk::forsake(const Call& sync) {
  const NodePtr node = find(sync.path);
  if (node && !node->directory) node->unsaved.clear();
}

void SimulatedDisk::write_node(const Node& node, const fs::path& path, Crash crash) {
  std::size_t whole = crash == Crash::kLost ? 0 : node.unsaved.size();
  if (crash == Crash::kMixed) whole = below(node.unsaved.size() + 1);
  const bool torn = !node.directory && crash == Crash::kTorn && whole > 0;
  if (torn) --whole;
  std::string bytes = node.saved_bytes;
  auto entries = node.saved_entries;
  for (std::size_t i = 0; i < whole; ++i) {
    node.directory ? apply(node.unsaved[i], entries) : apply(node.unsaved[i], bytes);
  }
  if (!node.directory) {
    if (whole < node.unsaved.size() && (torn || crash == Crash::kMixed) && !node.unsaved[whole].resizes) {
      Change part = node.unsaved[whole];
      part.bytes.resize(below(part.bytes.size() + 1));
      apply(part, bytes);
    }
    return write_file(path, bytes);
  }
  fs::create_directory(path);
  for (const auto& [name, child] : entries) write_node(*child, path / name, crash);
}

void SimulatedDisk::write_to(const fs::path& directory, Crash crash) const {
  write_node(*root_, directory, crash);
}

}  // namespace banger::log::test
