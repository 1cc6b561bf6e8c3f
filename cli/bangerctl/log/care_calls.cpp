#include "cli/bangerctl/log/care_calls.h"

#include "cli/bangerctl/table.h"
#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_watch.h"

namespace banger::ctl {
namespace {

class ShownProgress final : public schema::ProgressSink::Server {
 public:
  explicit ShownProgress(std::string what) : what_(std::move(what)) {}
  kj::Promise<void> report(ReportContext context) override {
    const auto params = context.getParams();
    progress_.show(what_, "events", params.getDone(), params.getTotal());
    return kj::READY_NOW;
  }

 private:
  std::string what_;
  Progress progress_;
};

}  // namespace

Answer<capnp::Response<schema::LogCare::CheckProjectionsResults>> check_projections(Session& session,
                                                                                    const std::string& name) {
  Progress progress;
  progress.show("folding the log");
  auto answer = session.call([&](schema::Control::Client control) {
    auto request = control.logCareRequest().send().getCare().checkProjectionsRequest();
    request.setName(name);
    return request.send();
  });
  if (!answer) return std::unexpected(answer.error());
  if (answer->getReply().isRefused()) return std::unexpected(refusal(answer->getReply().getRefused()));
  return answer;
}

Answer<int> tell(Context& context, const Json& json, const std::vector<std::pair<std::string, std::string>>& fields,
                 int exit) {
  const auto done = print(context.json() ? dump(json) + "\n" : describe(fields));
  if (!done) return std::unexpected(done.error());
  return exit;
}

schema::ProgressSink::Client shown_progress(std::string what) { return kj::heap<ShownProgress>(std::move(what)); }

}  // namespace banger::ctl
