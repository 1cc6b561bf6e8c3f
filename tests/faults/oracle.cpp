#include "tests/faults/oracle.h"

#include "cli/bangerctl/event_reader.h"
#include "cli/bangerctl/log/care_calls.h"
#include "cli/bangerctl/rows.h"
#include "events/capnp_bytes.h"

namespace banger::faults {
namespace {

using ctl::Answer;
using ctl::failed;
using ctl::Session;

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) text.replace(at, what.size(), by);
  return text;
}

std::string comparable(const std::string& files, const VmRuntime& vm) {
  return replaced(replaced(files, vm.id.hex(), "VM"), "/data/vms/VM/handles.json\n", "");
}

bool same(const Told& one, const Told& other) { return one == other || one.first == 0 || other.first == 0; }

Answer<std::vector<std::string>> left_to_do(Session& session) {
  auto answer = session.call([](schema::Control::Client control) { return control.reconcilePlanRequest().send(); });
  if (!answer) return std::unexpected(answer.error());
  std::vector<std::string> lines;
  for (const auto line : answer->getLines()) {
    const std::string due = text_of(line.getAction()) + text_of(line.getUnderWay());
    if (!due.empty()) lines.push_back(text_of(line.getSubject()) + ": " + due);
  }
  return lines;
}

}  // namespace

std::string describe(const Seen& seen) {
  std::string text = "state: " + seen.state + "\nVMMs: " + std::to_string(seen.vmms) + "\nevents:";
  for (const std::string& each : seen.events) text += " " + each;
  text += "\nto do:";
  for (const std::string& each : seen.plan) text += " " + each + ";";
  return text + "\nfiles:\n" + seen.files + "after its end:\n" + seen.gone;
}

Answer<Seen> Oracle::look(Session& session) {
  if (!looked_) {
    if (auto asked = ask_again(session); !asked) return std::unexpected(asked.error());
    if (auto settled = settle(session); !settled) return std::unexpected(settled.error());
    if (auto events = see_events(session); !events) return std::unexpected(events.error());
    if (auto whole = see_whole(session); !whole) return std::unexpected(whole.error());
    looked_ = true;
  }
  if (!seen_.state.empty()) {
    auto removed = removal().ask(session, removal_);
    if (!removed) return std::unexpected(removed.error());
    if (auto gone = await(session, removal().done); !gone) return std::unexpected(gone.error());
    if (auto whole = see_whole(session); !whole) return std::unexpected(whole.error());
  }
  seen_.gone = stage_.files();
  if (stage_.vmms() != 0) return failed("a VMM outlives its VM");
  return seen_;
}

Answer<void> Oracle::ask_again(Session& session) {
  for (int i = 0; i < 2; ++i) {
    const auto told = operation_.ask(session, id_);
    if (!told) return std::unexpected(told.error());
    if (acknowledged_ && !same(*acknowledged_, *told)) return failed("the same command id was answered in two ways");
    if (!acknowledged_ || acknowledged_->first == 0) acknowledged_ = *told;
  }
  return {};
}

Answer<void> Oracle::settle(Session& session) {
  auto done = await(session, operation_.done);
  if (!done && failures_ == Failures::kMayBe) {
    if (const auto anew = operation_.ask(session, ctl::fresh_command_id()); !anew) return std::unexpected(anew.error());
    done = await(session, operation_.done);
  }
  if (!done) return done;
  Answer<void> failure;
  // What is beside the wanted state ends by itself, and nothing announces it.
  const bool settled = e2e::eventually([&] {
    auto plan = left_to_do(session);
    auto vms = ctl::read_vms(session);
    if (!plan || !vms) {
      failure = std::unexpected(plan ? vms.error() : plan.error());
      return true;
    }
    seen_ = {.state = vms->empty() ? "" : std::string(name_of(vms->front().state)),
             .plan = *plan,
             .vmms = stage_.vmms(),
             .files = vms->empty() ? stage_.files() : comparable(stage_.files(), vms->front())};
    return seen_.plan.empty() && seen_.vmms == operation_.vmms;
  });
  if (!settled) return failed("it does not come to rest: " + describe(seen_));
  return failure;
}

Answer<void> Oracle::see_events(Session& session) {
  ctl::EventReader reader(session);
  seen_.events.clear();
  for (Sequence next = 1;;) {
    const auto page = reader.page(next, ctl::kPageBytes);
    if (!page) return std::unexpected(page.error());
    if (page->empty()) return {};
    for (const EventRecord& record : *page) {
      if (record.envelope.correlation == id_) seen_.events.emplace_back(name_of(record.event));
    }
    next = page->back().envelope.sequence + 1;
  }
}

Answer<void> Oracle::see_whole(Session& session) const {
  auto verified = session.call([](schema::Control::Client control) { return control.verifyRequest().send(); });
  if (!verified) return std::unexpected(verified.error());
  if (!verified->getReport().getOk()) return failed("log verify finds damage");
  const auto checked = ctl::check_projections(session, "");
  if (!checked) return std::unexpected(checked.error());
  for (const auto each : checked->getReport().getProjections()) {
    if (each.getDrifted() != 0) return failed("projection verify: " + text_of(each.getName()) + " has drifted");
  }
  return {};
}

}  // namespace banger::faults
