// What differs between two states of the same thing, field by field, whatever the thing is: by its
// fields(). Pure.
#pragma once

#include <map>

#include "cli/bangerctl/render_json.h"

namespace banger::ctl {

struct FieldChange {
  std::string name;  // "settings.vcpus"
  Json before;
  Json after;

  friend bool operator==(const FieldChange&, const FieldChange&) = default;
};

// Fields that every event moves, and that say nothing by themselves.
[[nodiscard]] bool is_bookkeeping(std::string_view field);

template <HasFields T>
void diff_fields(const T& before, const T& after, const std::string& prefix,
                 std::vector<FieldChange>& changes) {
  std::apply(
      [&](const auto&... each) {
        const auto one = [&](const auto& field) {
          const auto& old_value = before.*(field.member);
          const auto& new_value = after.*(field.member);
          if constexpr (HasFields<std::remove_cvref_t<decltype(old_value)>>) {
            diff_fields(old_value, new_value, prefix + field.name + ".", changes);
          } else if (!(old_value == new_value)) {
            changes.push_back({prefix + field.name, to_json(old_value), to_json(new_value)});
          }
        };
        (one(each), ...);
      },
      T::fields());
}

// One VM or image that appeared, went, or changed between two points.
struct ThingChange {
  enum class What { kAppeared, kGone, kChanged };
  What what = What::kChanged;
  std::string id;
  std::string name;
  std::vector<FieldChange> fields;  // of kChanged
};
[[nodiscard]] std::string_view name_of(ThingChange::What what);

// Two lists of VMs, or of images: by id, since a name may have another owner by now. In the order
// of ids.
template <class Thing>
[[nodiscard]] std::vector<ThingChange> diff_all(const std::vector<Thing>& before,
                                                const std::vector<Thing>& after) {
  using Id = decltype(Thing::id);
  std::map<Id, std::pair<const Thing*, const Thing*>> both;
  for (const Thing& thing : before) both[thing.id].first = &thing;
  for (const Thing& thing : after) both[thing.id].second = &thing;
  std::vector<ThingChange> changes;
  for (const auto& [id, pair] : both) {
    const auto& [then, now] = pair;
    ThingChange change{.what = !then  ? ThingChange::What::kAppeared
                               : !now ? ThingChange::What::kGone
                                      : ThingChange::What::kChanged,
                       .id = id.hex(),
                       .name = now ? now->name : then->name,
                       .fields = {}};
    if (then && now) diff_fields(*then, *now, "", change.fields);
    if (!then || !now || !change.fields.empty()) changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace banger::ctl
