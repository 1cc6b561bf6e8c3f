#include "cli/bangerctl/render_json.h"

namespace banger::ctl {

std::string_view name_of_kind(StreamKind kind) {
  switch (kind) {
    case StreamKind::kHost:
      return "host";
    case StreamKind::kVm:
      return "vm";
    case StreamKind::kImage:
      return "image";
  }
  return "unknown";
}

Json to_json(StreamId stream) {
  return Json{{"kind", name_of_kind(stream.kind)},
              {"id", stream.id == 0 ? Json(nullptr) : Json(to_hex(stream.id))}};
}

Json to_json(const HistoryRow& row) {
  Json object{{"stream", to_json(row.stream)},
              {"name", row.name},
              {"first_sequence", row.first_sequence}};
  if (row.last_sequence != 0) object["last_sequence"] = row.last_sequence;
  add_field(object, "created_at_ns", row.created_at_ns);
  add_field(object, "deleted_at_ns", row.deleted_at_ns);
  return object;
}

Json to_json(const TimesRow& row) {
  Json object{{"first_sequence", row.first}, {"last_sequence", row.last}};
  add_field(object, "earliest_ns", row.earliest_ns);
  add_field(object, "latest_ns", row.latest_ns);
  return object;
}

Json to_json(const NameRow& row) {
  return Json{{"stream", to_json(row.stream)}, {"name", row.name}, {"sequence", row.sequence}};
}

Json to_json(const HostState& host) {
  return Json{{"boot", to_json(host.boot)},
              {"kernel_release", host.kernel_release},
              {"daemon_version", host.daemon_version},
              {"version", host.version},
              {"last_sequence", host.last_sequence},
              {"log_epoch", host.log_epoch},
              {"reported", host.reported}};
}

Json to_json(StreamId stream, const Parked& parked) {
  return Json{
      {"stream", to_json(stream)}, {"sequence", parked.sequence}, {"reason", parked.reason}};
}

}  // namespace banger::ctl
