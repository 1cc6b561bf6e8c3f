// A history that the bytes choose: what people ask, what drivers report, and looks at the host, through decide, evolve
// and plan. Each gives the same twice; what decide gives fits the fleet; nothing is killed that was not seen. At the
// end every event comes back from its stored bytes, and a replay of those has the state that was lived, row by row.
#include "projections/replay.h"
#include "tests/engine/random_history.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/looks.h"

namespace banger::fuzz {
namespace {

using test::Dice;
using test::World;

constexpr int kMaxSteps = 100;

void ask(World& world, const Ask& what) {
  const Command command = world.command(what);
  const auto decided = decide(world.fleet, world.limits, command);
  const auto again = decide(world.fleet, world.limits, command);
  BANGER_ASSERT(decided.has_value() == again.has_value());
  if (!decided) return BANGER_ASSERT(!decided.error().message.empty());
  BANGER_ASSERT(*decided == *again);
  for (const NewEvent& each : decided->events) {
    world.given(each.stream, each.event, each.correlation ? each.correlation : command.id);
  }
  BANGER_ASSERT(world.fleet.parked.empty());
}

std::string text_of(const std::vector<Effect>& effects) {
  std::string text;
  for (const Effect& each : effects) {
    const StreamId subject = subject_of(each);
    text += std::string(name_of(each)) + " " + to_hex(subject.id) + " " + std::to_string(fence_of(each)) + "\n";
  }
  return text;
}

bool was_seen(const Observation& look, const KillStray& kill) {
  const auto found = look.vmms.find(kill.vm);
  return found != look.vmms.end() &&
         std::ranges::find(found->second, kill.process, &VmmSighting::process) != found->second.end();
}

void look_at_host(World& world, Dice& dice) {
  const Observation look = random_look(world, dice);
  const PlanContext context = random_context(world, dice);
  const Plan planned = plan(world.fleet, look, context);
  BANGER_ASSERT(text_of(plan(world.fleet, look, context).effects) == text_of(planned.effects));
  for (const auto& [id, vm] : world.fleet.vms) {
    (void)plan_subject(world.fleet, look, context, stream_of(id));
    (void)deadline_ms(vm);
  }
  for (const Effect& each : planned.effects) {
    if (const auto* kill = std::get_if<KillStray>(&each)) BANGER_ASSERT(was_seen(look, *kill));
    if (const auto* settle = std::get_if<Settle>(&each)) ask(world, settle->outcome);
  }
}

void check_indexes(const Fleet& fleet) {
  Fleet anew = fleet;
  rebuild_indexes(anew);
  BANGER_ASSERT(anew.vm_names == fleet.vm_names && anew.image_names == fleet.image_names);
  BANGER_ASSERT(anew.host_ports == fleet.host_ports && anew.guest_addresses == fleet.guest_addresses);
}

Replay replayed(const World& world) {
  Interned interned;
  Replay replay;
  for (const EventRecord& record : world.log) {
    const EventBytes bytes = encode(record, interned, Salt{1});
    const auto decoded = decode(bytes.open, bytes.personal, interned);
    BANGER_ASSERT(decoded && *decoded == record);
    BANGER_ASSERT(replay.fold_stored(bytes.open, bytes.personal, interned, {}));
  }
  return replay;
}

void check_replay(const World& world) {
  const Replay replay = replayed(world);
  std::map<std::string_view, std::map<std::string, std::string>> lived;
  std::set<StreamId> streams;
  for (const EventRecord& record : world.log) streams.insert(record.envelope.stream);
  for (const StreamId stream : streams) {
    for (const Row& row : rows_of(world.fleet, stream)) {
      if (!row.value.empty()) lived[row.projection][row.key] = row.value;
    }
  }
  for (const ProjectionInfo& each : kProjections) {
    if (each.of_fleet) BANGER_ASSERT(replay.rows(each.name) == lived[each.name]);
  }
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  Dice dice(bytes);
  World world = test::host_with_image();
  for (int step = 0; step < kMaxSteps && !dice.spent(); ++step) {
    world.random = dice.below(256);
    switch (dice.below(4)) {
      case 0: look_at_host(world, dice); break;
      case 1: ask(world, test::random_outcome(world, dice)); break;
      default: ask(world, test::random_intent(world, dice)); break;
    }
  }
  check_indexes(world.fleet);
  check_replay(world);
}

}  // namespace banger::fuzz
