#include <algorithm>

#include "engine/deciding.h"

namespace banger {
namespace {

constexpr std::size_t kShortestPrefix = 4;
constexpr std::size_t kLongestName = 63;  // RFC 1123: a label of a host name

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// `what` is "VM" or "image", `list` the command that shows what there is.
template <class Id, class Named, class Map>
std::expected<Id, Rejection> resolve(const Named& names, const Map& all, std::string_view reference,
                                     std::string_view what, std::string_view list) {
  std::string hint = "see `" + std::string(list) + "`";
  if (auto named = names.find(reference); named != names.end()) return named->second;
  std::vector<Id> matches;
  if (reference.size() >= kShortestPrefix && is_hex(reference)) {
    for (const auto& [id, unused] : all) {
      if (id.hex().starts_with(reference)) matches.push_back(id);
    }
  }
  if (matches.size() == 1) return matches.front();
  if (matches.size() > 1) {
    return refuse(Refusal::kInvalid,
                  std::string(reference) + " begins the ids of " + std::to_string(matches.size()) + " " +
                      std::string(what) + "s",
                  hint);
  }
  return refuse(Refusal::kNotFound,
                "there is no " + std::string(what) + " '" + std::string(reference) + "'", hint);
}

}  // namespace

std::expected<VmId, Rejection> resolve_vm(const Fleet& fleet, std::string_view reference) {
  return resolve<VmId>(fleet.vm_names, fleet.vms, reference, "VM", "bangerctl vm ls");
}

std::expected<ImageId, Rejection> resolve_image(const Fleet& fleet, std::string_view reference) {
  return resolve<ImageId>(fleet.image_names, fleet.images, reference, "image", "bangerctl image ls");
}

std::unexpected<Rejection> refuse_parked(std::string_view what, const Parked& parked) {
  std::string sequence = std::to_string(parked.sequence);
  return refuse(Refusal::kParked,
                std::string(what) + " is parked at event " + sequence + ": " + parked.reason,
                "see `bangerctl events show " + sequence + "`");
}

std::expected<const VmRuntime*, Rejection> vm_to_change(const Fleet& fleet, std::string_view reference) {
  auto id = resolve_vm(fleet, reference);
  if (!id) return std::unexpected(id.error());
  if (auto parked = fleet.parked.find(stream_of(*id)); parked != fleet.parked.end()) {
    return refuse_parked("VM " + std::string(reference), parked->second);
  }
  return fleet.vm(*id);
}

bool valid_name(std::string_view name) {
  auto alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (name.empty() || name.size() > kLongestName) return false;
  if (!alphanumeric(name.front()) || !alphanumeric(name.back())) return false;
  if (name.size() == 16 && is_hex(name)) return false;
  return std::ranges::all_of(name, [&](char c) { return alphanumeric(c) || c == '-'; });
}

}  // namespace banger
