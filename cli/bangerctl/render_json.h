// Any value of the core as JSON, written once: structs through their fields(), ids and digests as
// hex, enums as their words. Instants (fields that end in _ns) stay numbers and get a readable
// neighbour.
#pragma once

#include <nlohmann/json.hpp>
#include <set>

#include "cli/bangerctl/times.h"
#include "engine/state.h"
#include "projections/past.h"

namespace banger::ctl {

using Json = nlohmann::ordered_json;

// One line; bytes that are not UTF-8 are replaced, so that it is always valid.
[[nodiscard]] inline std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

template <class T>
[[nodiscard]] Json to_json(const T& value);

template <class Tag>
[[nodiscard]] Json to_json(const Id64<Tag>& id) {
  return id ? Json(id.hex()) : Json(nullptr);
}
template <class Tag>
[[nodiscard]] Json to_json(const Id128<Tag>& id) {
  return id ? Json(id.hex()) : Json(nullptr);
}
[[nodiscard]] inline Json to_json(const Digest& digest) {
  return digest == Digest{} ? Json(nullptr) : Json(to_hex(digest));
}
template <class T>
[[nodiscard]] Json to_json(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(to_json(value));
  return array;
}

// "created_at_ns": 5 is followed by "created_at": "1970-...", or null where it is 0.
inline void add_field(Json& object, std::string_view name, Json value) {
  const bool instant = name.ends_with("_ns") && value.is_number();
  if (instant) {
    const auto ns = value.get<std::int64_t>();
    object[std::string(name.substr(0, name.size() - 3))] =
        ns == 0 ? Json(nullptr) : Json(iso_time(ns));
  }
  object[std::string(name)] = std::move(value);
}

template <class T>
[[nodiscard]] Json to_json(const T& value) {
  if constexpr (HasFields<T>) {
    Json object = Json::object();
    for_each_field(value, [&](const char* name, const auto& member) {
      add_field(object, name, to_json(member));
    });
    return object;
  } else if constexpr (std::is_enum_v<T>) {
    return Json(std::string(name_of(value)));
  } else {
    return Json(value);
  }
}

[[nodiscard]] Json to_json(StreamId stream);
[[nodiscard]] Json to_json(const HistoryRow& row);
[[nodiscard]] Json to_json(const TimesRow& row);
[[nodiscard]] Json to_json(const NameRow& row);
[[nodiscard]] Json to_json(const HostState& host);
[[nodiscard]] Json to_json(StreamId stream, const Parked& parked);

[[nodiscard]] std::string_view name_of_kind(StreamKind kind);

}  // namespace banger::ctl
