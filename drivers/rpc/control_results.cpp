#include "drivers/rpc/control_results.h"

#include <algorithm>

#include "events/codec_values.h"

namespace banger::rpc {
namespace {

constexpr std::size_t kMaxListBytes = 384 << 10;  // of a list's texts and bytes
constexpr std::size_t kMaxLineBytes = 4096;
constexpr std::size_t kEntryOverhead = 64;  // of an entry in a message

// How many entries from the front fit a message.
template <class Entry, class Size>
unsigned that_fit(const std::vector<Entry>& entries, Size size) {
  std::size_t bytes = 0;
  const auto first_beyond = std::ranges::find_if(entries, [&](const Entry& entry) {
    return (bytes += size(entry) + kEntryOverhead) > kMaxListBytes;
  });
  return static_cast<unsigned>(first_beyond - entries.begin());
}

void write_texts(capnp::List<capnp::Text>::Builder out, const std::vector<std::string>& texts) {
  for (unsigned i = 0; i < out.size(); ++i) out.set(i, texts[i].substr(0, kMaxLineBytes));
}

std::size_t line_size(const std::string& line) {
  return std::min(line.size(), kMaxLineBytes);
}

}  // namespace

void refuse(schema::Reply::Builder out, const Rejection& rejection) {
  auto refused = out.initRefused();
  refused.setKind(static_cast<std::uint16_t>(rejection.kind));
  refused.setMessage(rejection.message);
  refused.setHint(rejection.hint);
}

void write(schema::Reply::Builder out, const Answer& answer) {
  if (!answer) return refuse(out, answer.error());
  auto accepted = out.initAccepted();
  accepted.setStreamKind(static_cast<std::uint16_t>(answer->subject.kind));
  accepted.setStreamId(answer->subject.id);
  accepted.setFirstSequence(answer->first);
  accepted.setLastSequence(answer->last);
}

void write(schema::DaemonInfo::Builder out, const DaemonInfo& info) {
  out.setVersion(info.version);
  out.setPid(info.pid);
  out.setStoreId(info.store_id);
  out.setDataDir(info.data_dir);
  out.setSocket(info.socket);
  out.setStartedAtNs(info.started_at_ns);
  out.setHeadSequence(info.head);
  out.setEpoch(info.epoch);
  out.setAccelerator(info.accelerator);
  out.setDisk(info.disk);
  out.setNetwork(info.network);
  out.setObserver(info.observer);
  out.setVmm(info.vmm);
  out.setLowWater(info.low_water);
  out.setConfigFile(info.config_file);
  out.setFirstSequence(info.first);
}

void write(schema::GuestAccess::Builder out, const GuestAccess& access) {
  out.setHost(access.host);
  out.setPort(access.port);
  out.setUser(access.user);
  out.setHostKey(access.host_key);
}

void write(schema::VmDetails::Builder out, const VmDetails& details) {
  out.setRow(data_of(details.row));
  out.setDir(details.dir);
  out.setApiSocket(details.api_socket);
  out.setOverlay(details.overlay);
  out.setConsoleLog(details.console_log);
  out.setHandlesFile(details.handles_file);
  out.setDnsName(details.dns_name);
  out.setGuestIp(details.guest_ip);
  out.setPid(details.pid);
  out.setProcessSinceNs(details.process_since_ns);
  out.setDiskUsedBytes(details.disk_used_bytes);
}

void write(schema::ProjectionInfo::Builder out, const ProjectionSummary& summary) {
  out.setName(summary.name);
  out.setVersion(summary.version);
  out.setCheckpoint(summary.checkpoint);
  out.setAbout(summary.about);
}

void write(schema::VerifyReport::Builder out, const VerifySummary& summary) {
  out.setOk(summary.ok);
  out.setEvents(summary.events);
  out.setBlocks(summary.blocks);
  out.setHeadSequence(summary.head);
  out.setChain(summary.chain);
  write_texts(out.initProblems(that_fit(summary.problems, line_size)), summary.problems);
  out.setElapsedMs(summary.elapsed_ms);
}

void write(schema::ReconcileStatus::Builder out, const ReconcileNumbers& numbers) {
  out.setObservations(numbers.observations);
  out.setLastObservationNs(numbers.last_observation_ns);
  out.setLastDurationUs(numbers.last_duration_us);
  out.setTickMs(numbers.tick_ms);
  out.setInFlight(numbers.in_flight);
  out.setHeld(numbers.held);
  out.setCorrections(numbers.corrections);
  out.setParked(numbers.parked);
  out.setLastError(numbers.last_error);
  out.setShadowFolds(numbers.shadow_folds);
  out.setLastShadowFoldNs(numbers.last_shadow_fold_ns);
  out.setShadowFoldTo(numbers.shadow_fold_to);
  out.setDriftedRows(numbers.drifted_rows);
}

void write_rows(schema::Control::ProjectionRowsResults::Builder out, const RowPage& page) {
  unsigned count =
      that_fit(page.rows, [](const auto& row) { return row.first.size() + row.second.size(); });
  // A row that is large by itself comes alone: a page without rows would never lead past it.
  if (count == 0 && !page.rows.empty()) count = 1;
  auto rows = out.initRows(count);
  for (unsigned i = 0; i < count; ++i) {
    rows[i].setKey(data_of(page.rows[i].first));
    rows[i].setValue(data_of(page.rows[i].second));
  }
  out.setMore(page.more || count < page.rows.size());
}

void write_lines(schema::Control::ImageProgressResults::Builder out, const ImageLines& lines) {
  const unsigned count = that_fit(lines.lines, line_size);
  write_texts(out.initLines(count), lines.lines);
  out.setNextLine(lines.next_line - (lines.lines.size() - count));
  out.setRunning(lines.running || count < lines.lines.size());
}

void write_plan(schema::Control::ReconcilePlanResults::Builder out,
                const std::vector<PlanLine>& lines) {
  const unsigned count = that_fit(lines, [](const PlanLine& line) {
    return line.subject.size() + line.id.size() + line.desired.size() + line.observed.size() +
           line.action.size() + line.under_way.size();
  });
  auto all = out.initLines(count);
  for (unsigned i = 0; i < count; ++i) {
    all[i].setSubject(lines[i].subject);
    all[i].setId(lines[i].id);
    all[i].setDesired(lines[i].desired);
    all[i].setObserved(lines[i].observed);
    all[i].setAction(lines[i].action);
    all[i].setUnderWay(lines[i].under_way);
  }
  out.setLeftOut(static_cast<std::uint32_t>(lines.size() - count));
}

void Progress::report(std::uint64_t done, std::uint64_t total) {
  if (under_way_) return;
  under_way_ = true;
  last_ = kj::evalNow([&] {
            auto request = sink_.reportRequest();
            request.setDone(done);
            request.setTotal(total);
            return request.send().ignoreResult();
          })
              .then([this] { under_way_ = false; },
                    [](kj::Exception&&) {})  // who cannot listen is told nothing more
              .eagerlyEvaluate(nullptr);
}

std::shared_ptr<Progress> make_progress(schema::ProgressSink::Client sink) {
  return std::make_shared<Progress>(kj::mv(sink));
}

}  // namespace banger::rpc
