#include "tests/sim/scenario.h"

namespace banger::sim {
namespace {

std::string some_name(test::Dice& dice) { return "vm-" + std::to_string(dice.below(4)); }

VmSettings some_settings(test::Dice& dice) {
  VmSettings settings{.vcpus = 1, .memory_mib = 256, .disk_mib = 1024};
  settings.autostart = dice.chance(30);
  if (dice.chance(40)) {
    settings.net = NetMode::kBridge;
    settings.open = dice.chance(30);
  } else if (dice.chance(15)) {
    settings.net = NetMode::kNone;
  }
  if (settings.net != NetMode::kNone && dice.chance(30)) settings.ports = {{"127.0.0.1", 0, 80}};
  return settings;
}

Ask some_ask(test::Dice& dice) {
  const std::string vm = some_name(dice);
  const StopMode mode = dice.chance(30) ? StopMode::kForced : StopMode::kGraceful;
  switch (dice.below(16)) {
    case 0:
    case 1:
    case 2:
    case 3: return CreateVm{vm, "base", some_settings(dice), dice.chance(80), dice.chance(10)};
    case 4:
    case 5: return StartVm{vm};
    case 6:
    case 7: return StopVm{vm, mode, dice.below(3'000)};
    case 8: return RestartVm{vm, mode, dice.below(3'000)};
    case 9:
    case 10: return DeleteVm{vm, dice.chance(80)};
    case 11: return SetVm{.vm = vm, .vcpus = static_cast<std::uint32_t>(1 + dice.below(4)), .open = dice.chance(50)};
    case 12:
    case 13: return StartExec{vm, {"true"}, false, 0};
    case 14: return MakeImage{"image-" + std::to_string(dice.below(3)), ImageSource::kRecipe, "tiny", ""};
    default: return DeleteImage{"image-" + std::to_string(dice.below(3))};
  }
}

// Swarm testing: most kinds of trouble are left out of most runs, so that those that are in come thickly.
std::vector<Deed> some_deeds(test::Dice& dice) {
  std::vector<Deed> deeds(4 + dice.below(8), Deed::kAsk);
  for (const Deed deed : {Deed::kAskAgain, Deed::kAskOther, Deed::kKillDaemon, Deed::kStopDaemon, Deed::kReboot, Deed::kEndVmm,
                          Deed::kPowerOff, Deed::kStray, Deed::kTakeTap, Deed::kDamageRules, Deed::kFreePorts, Deed::kLeftover, Deed::kSetClock}) {
    if (dice.chance(35)) deeds.insert(deeds.end(), 1 + dice.below(3), deed);
  }
  return deeds;
}

unsigned some_percent(test::Dice& dice, unsigned most) {
  return dice.chance(50) ? 0 : static_cast<unsigned>(dice.below(most + 1));
}

}  // namespace

std::string_view name_of(Deed deed) {
  switch (deed) {
    case Deed::kAsk: return "ask";
    case Deed::kAskAgain: return "ask again";
    case Deed::kAskOther: return "ask with a used id";
    case Deed::kKillDaemon: return "kill the daemon";
    case Deed::kStopDaemon: return "stop the daemon";
    case Deed::kReboot: return "reboot";
    case Deed::kEndVmm: return "a VMM dies";
    case Deed::kPowerOff: return "a guest powers off";
    case Deed::kStray: return "a stray VMM";
    case Deed::kTakeTap: return "a tap is taken";
    case Deed::kDamageRules: return "the rules are damaged";
    case Deed::kFreePorts: return "ports become free";
    case Deed::kLeftover: return "something of an unknown VM";
    case Deed::kSetClock: return "the clock is set";
  }
  return {};
}

Scenario make_scenario(std::uint64_t seed) {
  test::Dice dice(seed * 0x9e3779b97f4a7c15 + 1);
  Scenario scenario{.seed = seed, .log = {}, .host = {}, .sweep = false, .actions = {}};
  scenario.log = {.slow_percent = some_percent(dice, 20), .kept_percent = static_cast<unsigned>(dice.below(101))};
  scenario.host = {.fail_percent = some_percent(dice, 15),
                   .lie_percent = some_percent(dice, 35),
                   .slow_percent = some_percent(dice, 20),
                   .blind_percent = some_percent(dice, 30),
                   .deaf_percent = some_percent(dice, 60),
                   .port_percent = some_percent(dice, 10)};
  scenario.sweep = dice.chance(50);
  const std::vector<Deed> deeds = some_deeds(dice);
  scenario.actions.push_back({1'000, Deed::kAsk, 0, MakeImage{"base", ImageSource::kRecipe, "tiny", ""}});
  std::uint64_t at_us = 1'000'000;
  for (std::uint64_t left = 10 + dice.below(50); left > 0; --left) {
    // Mostly close together: trouble comes in the middle of things.
    at_us += dice.chance(85) ? dice.below(300'000) : dice.below(20'000'000);
    scenario.actions.push_back({at_us, deeds[dice.below(deeds.size())], dice.next() >> 8, some_ask(dice)});
  }
  return scenario;
}

std::string describe(const Action& action) {
  std::string text = std::to_string(action.at_us / 1000) + " ms: " + std::string(name_of(action.deed));
  const bool asks = action.deed == Deed::kAsk || action.deed == Deed::kAskOther;
  if (!asks) return text + " (" + std::to_string(action.number % 100) + ")";
  const auto words = Overloaded{
      [](const CreateVm& ask) {
        return "create " + ask.name + (ask.start ? " and start" : "") + ", net " + std::string(name_of(ask.settings.net));
      },
      [](const StartVm& ask) { return "start " + ask.vm; },
      [](const StopVm& ask) { return "stop " + ask.vm; },
      [](const RestartVm& ask) { return "restart " + ask.vm; },
      [](const DeleteVm& ask) { return "delete " + ask.vm; },
      [](const SetVm& ask) { return "set " + ask.vm; },
      [](const StartExec& ask) { return "exec in " + ask.vm; },
      [](const MakeImage& ask) { return "make image " + ask.name; },
      [](const DeleteImage& ask) { return "delete image " + ask.image; },
      [](const auto&) { return std::string("nothing that clients ask"); },
  };
  return text + ": " + std::visit(words, action.ask);
}

}  // namespace banger::sim
