#include "drivers/effects/network/network_effect.h"

#include <cerrno>

namespace banger::effects {

// Guests' rules lead to the resolver's port, so it is opened before them.
Status NetworkEffect::answer_names(const GuestNetwork& network) {
  if (network.empty() || resolver_port_ == 0) {
    resolver_.reset();
    return {};
  }
  if (!resolver_) {
    auto opened = network::Resolver::listen(loop_, Ipv4{0x7f00'0001}, resolver_port_);
    if (!opened) return with_context("names of guests are not answered", opened.error());
    resolver_ = *std::move(opened);
  }
  network::NameTable names;
  for (const BridgedGuest& guest : network) {
    if (const auto address = parse_ipv4(guest.address)) names[guest.name] = *address;
  }
  resolver_->set_names(std::move(names));
  return {};
}

void NetworkEffect::begin(const SetNetwork& effect, std::function<void(EffectEnd)> done) {
  // Without names guests run all the same: that is told, and tried again with the next change.
  const Status named = answer_names(effect.network);
  const auto ended = [this, here = here_, named, finding = effect.finding, done](const Status& set) {
    if (!*here) return;
    EffectEnd end{.outcomes = {}, .retry_later = !set};
    if (!set && set.error().sys_errno == EBUSY) return done(std::move(end));  // nothing is wrong: a guest is still going
    if (set && finding) end.outcomes.push_back(ReportDrift{std::nullopt, *finding});
    const Status& failed = set ? named : set;
    std::string failure = failed ? "" : failed.error().message;
    if (!failure.empty() && failure != last_failure_) {
      end.outcomes.push_back(ReportDrift{std::nullopt, {ResourceClass::kNetwork, Condition::kAbsent, "network",
                                                        CorrectiveAction::kFailed, failure}});
    }
    last_failure_ = std::move(failure);
    done(std::move(end));
  };
  const auto submitted = pool_.submit(
      [&links = links_, network = effect.network, port = answering_port()] { return links.set(network, port); }, ended);
  if (!submitted) loop_.defer([ended] { ended(fail("too much is under way")); });
}

}  // namespace banger::effects
