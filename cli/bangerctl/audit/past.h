// Asking the daemon about the past: what was at some moment, who ever had a name, and which events
// match. Used by the verbs of this folder and by `vm` and `image` where they are given --at.
#pragma once

#include "cli/bangerctl/audit/when.h"
#include "cli/bangerctl/event_reader.h"
#include "cli/bangerctl/render_json.h"

namespace banger::ctl {

// A moment as it was typed; one that makes no sense is a misuse.
[[nodiscard]] Answer<When> read_when(const std::string& text);
// The same of an option that need not be given: --since, --until.
[[nodiscard]] Answer<std::optional<When>> read_bound(const std::string& text);

void write(schema::Point::Builder out, const When& when);

// What a moment came to.
struct At {
  Sequence sequence = 0;
  std::int64_t time_ns = 0;  // of that event; 0 before the first
  Sequence at_least = 0, at_most = 0;
};
// "after event 4711, 2026-11-21T10:00:00.000Z"
[[nodiscard]] std::string label(const At& at);
// Says on stderr which moment it is; and, where a clock that was set back makes a time mean several, that.
void note_moment(const At& at);
void note_ambiguity(const At& at);
[[nodiscard]] Json to_json(const At& at);

struct PastVm {
  At at;
  VmRuntime vm;
  std::optional<Parked> parked;
};
[[nodiscard]] Answer<PastVm> vm_at(Session& session, const When& when, const std::string& vm);
struct PastImage {
  At at;
  Image image;
};
[[nodiscard]] Answer<PastImage> image_at(Session& session, const When& when,
                                         const std::string& image);

// All that there was, oldest first.
template <class Thing>
struct PastList {
  At at;
  std::vector<Thing> things;
};
[[nodiscard]] Answer<PastList<VmRuntime>> vms_at(Session& session, const When& when);
[[nodiscard]] Answer<PastList<Image>> images_at(Session& session, const When& when);

// The VM that a name or the beginning of an id means now: one that is there, else the last that
// was. Says on stderr where others had the name, too.
[[nodiscard]] Answer<HistoryRow> find_vm(Session& session, const std::string& vm);

struct EventQuery {
  std::optional<StreamId> stream;
  std::vector<std::uint16_t> kinds;
  std::string actor;
  CommandId correlation;
  std::optional<When> since, until;
  bool reverse = false;
  std::uint64_t limit = UINT64_MAX;
};

// The events that match, page by page, as the daemon finds them.
class EventSearch {
 public:
  EventSearch(Session& session, EventQuery query)
      : session_(session), query_(std::move(query)), reader_(session) {}
  // False: there are no more. A page may be empty.
  [[nodiscard]] bool more() const { return !done_ && query_.limit > 0; }
  [[nodiscard]] Answer<std::vector<EventRecord>> next();
  [[nodiscard]] std::uint64_t looked() const { return looked_; }  // at so many events
  // Of those that were found the ones whose personal part was cut out of the log.
  [[nodiscard]] const std::set<Sequence>& erased() const { return reader_.erased(); }

 private:
  void write(schema::EventQuery::Builder out) const;

  Session& session_;
  EventQuery query_;
  EventReader reader_;
  Sequence cursor_ = 0;
  bool done_ = false;
  std::uint64_t looked_ = 0;
};
// All of them, in one go.
[[nodiscard]] Answer<std::vector<EventRecord>> found_by(EventSearch& search);
[[nodiscard]] Answer<std::vector<EventRecord>> search_all(Session& session, EventQuery query);

}  // namespace banger::ctl
