#include "cli/bangerctl/log/care_calls.h"

#include "cli/bangerctl/terminal.h"
#include "cli/bangerctl/vm_watch.h"

namespace banger::ctl {

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

}  // namespace banger::ctl
