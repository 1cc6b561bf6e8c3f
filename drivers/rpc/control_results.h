// Answers of ControlService as messages, each cut so that it stays well below the 1 MiB of one.
// Used by control_server alone. Throws kj::Exception as all building of messages may: call it in a
// promise.
#pragma once

#include <kj/async.h>

#include <memory>

#include "drivers/rpc/control_service.h"
#include "schemas/control.capnp.h"

namespace banger::rpc {

void refuse(schema::Reply::Builder out, const Rejection& rejection);
void write(schema::Reply::Builder out, const Answer& answer);
void write(schema::DaemonInfo::Builder out, const DaemonInfo& info);
void write(schema::GuestAccess::Builder out, const GuestAccess& access);
void write(schema::VmDetails::Builder out, const VmDetails& details);
void write(schema::ProjectionInfo::Builder out, const ProjectionSummary& summary);
void write(schema::VerifyReport::Builder out, const VerifySummary& summary);
void write(schema::ReconcileStatus::Builder out, const ReconcileNumbers& numbers);

// `more` where rows were cut off.
void write_rows(schema::Control::ProjectionRowsResults::Builder out, const RowPage& page);
// Lines that were cut off come with the next call.
void write_lines(schema::Control::ImageProgressResults::Builder out, const ImageLines& lines);
void write_plan(schema::Control::ReconcilePlanResults::Builder out,
                const std::vector<PlanLine>& lines);

// Where a long call reports to; numbers that come while one is on its way are left out.
class Progress {
 public:
  explicit Progress(schema::ProgressSink::Client sink) : sink_(kj::mv(sink)) {}
  void report(std::uint64_t done, std::uint64_t total);

 private:
  schema::ProgressSink::Client sink_;
  bool under_way_ = false;
  kj::Promise<void> last_ = kj::READY_NOW;
};
[[nodiscard]] std::shared_ptr<Progress> make_progress(schema::ProgressSink::Client sink);

}  // namespace banger::rpc
