// Questions about the log while it is being appended to: a real runtime on a real log, which hears of
// what is durable when the test says so.
#include "cli/bangerd/audit/questions.h"

#include <chrono>
#include <condition_variable>
#include <future>
#include <mutex>

#include "cli/bangerd/adapters.h"
#include "engine/runtime/load_interned.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/drivers/uv/support.h"
#include "tests/engine/runtime/world.h"

using namespace banger;
using namespace banger::bangerd;
using namespace banger::test;

namespace {

struct Asked {
  TempDir dir;
  std::mutex mutex;
  std::condition_variable changed;
  log::Durable durable;  // on disk; the runtime hears of it by tell()
  uv::Loop loop;
  StillClock clock;
  Counter entropy;
  LoopTimers timers{loop};
  HandEffects effects;
  HandObserver observer;
  std::unique_ptr<log::EventLog> log;
  std::unique_ptr<StoredLog> stored;
  std::unique_ptr<Runtime> runtime;
  std::unique_ptr<uv::WorkerPool> readers;
  std::unique_ptr<Questions> questions;
  std::uint64_t commands = 0;

  explicit Asked(std::size_t queued = 16) {
    log::OpenOptions options{.paths = {dir / "log", dir / "anchor"}, .ballast_bytes = 4096};
    options.on_durable = [this](log::Durable now) {
      const std::scoped_lock lock(mutex);
      durable = now;
      changed.notify_all();
    };
    auto opened = log::EventLog::open(std::move(options));
    REQUIRE(opened);
    log = *std::move(opened);
    stored = std::make_unique<StoredLog>(*log, clock);
    auto store = load_store(*stored);
    REQUIRE(store);
    const RuntimeOptions about{.self = {0, "root", ""},
                               .boot = {1, 2},
                               .kernel_release = "6.1",
                               .version = "test",
                               .tick_ms = World::kTickMs,
                               .exec_grace_ms = World::kGraceMs};
    runtime = std::make_unique<Runtime>(Ports{clock, entropy, timers, *stored, observer, effects},
                                        about, *std::move(store));
    readers = std::make_unique<uv::WorkerPool>(loop, 1, queued);
    questions = std::make_unique<Questions>(*runtime, *log, *readers);
  }
  ~Asked() {
    questions.reset();
    readers.reset();
    loop.drain();
    runtime.reset();
    CHECK(log->shutdown());
  }

  // Waits until all that was appended is on disk, and tells nobody.
  log::Durable sync() {
    const Sequence last = log->next_sequence() - 1;
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return durable.sequence >= last; });
    return durable;
  }
  // Everything that the loop has to do by now.
  void turn() {
    uv::Timer over(loop, [&] { loop.stop(); });
    over.start_once(0);
    uv::test::run(loop);
  }
  void make_image(const std::string& name, const std::string& user) {
    runtime->submit({{0, ++commands},
                     Digest{1},
                     {1000, user, "test"},
                     MakeImage{name, ImageSource::kRecipe, "tiny", ""}},
                    [](const banger::Answer&) {});
  }
};

using Heads = Result<Sequence>;

}  // namespace

TEST_CASE("a question waits for what was appended before it, and sees it") {
  Asked asked;
  asked.runtime->start();  // appended: nothing of it is durable for the runtime yet
  asked.make_image("base", "ann");
  const Sequence appended = asked.log->next_sequence() - 1;
  REQUIRE(appended >= 2);
  std::optional<Heads> answer;
  bool reading = false;  // set on the worker; the pool is joined, or has answered, before it is read
  asked.questions->ask<Heads>(
      [&](const Ground& on) -> Heads {
        reading = true;
        const auto found = asked.log->events_of_kind(ImageRequested::kKind, 1, 10);
        if (!found || found->size() != 1 || on.head < found->front()) return fail("it is not seen");
        return on.head;
      },
      [&](Heads heads) {
        answer = std::move(heads);
        asked.loop.stop();
      });
  const log::Durable durable = asked.sync();
  for (int i = 0; i < 10; ++i) asked.turn();
  CHECK_FALSE(answer);  // it is on disk, but nobody has been answered yet
  asked.runtime->on_durable(durable);
  if (!answer) uv::test::run(asked.loop);
  REQUIRE(answer);
  REQUIRE(*answer);
  CHECK(**answer >= appended);
  CHECK(reading);
}

TEST_CASE("of a quiet log a question is answered at once") {
  Asked asked;
  std::optional<Heads> answer;
  asked.questions->ask<Heads>([](const Ground& on) -> Heads { return on.head; },
                              [&](Heads heads) {
                                answer = std::move(heads);
                                asked.loop.stop();
                              });
  uv::test::run(asked.loop);
  REQUIRE(answer);
  CHECK(**answer == 0);
}

TEST_CASE("what is interned is kept, and grows by what is new") {
  Asked asked;
  asked.runtime->start();
  asked.runtime->on_durable(asked.sync());
  const auto before = asked.questions->interned();
  CHECK(asked.questions->interned() == before);
  asked.make_image("base", "ann");
  const auto with_ann = asked.questions->interned();
  REQUIRE(with_ann != before);
  CHECK(with_ann->last_actor() == before->last_actor() + 1);
  CHECK(with_ann->actor(with_ann->last_actor())->user == "ann");
  CHECK(before->actor(with_ann->last_actor()) == nullptr);  // who reads that one is not disturbed
  asked.make_image("other", "ann");
  CHECK(asked.questions->interned() == with_ann);
  asked.runtime->on_durable(asked.sync());
  const auto stored = load_interned(*asked.log);
  REQUIRE(stored);
  REQUIRE(stored->all().size() == with_ann->all().size());
  for (std::size_t i = 0; i < stored->all().size(); ++i)
    CHECK(stored->all()[i].bytes == with_ann->all()[i].bytes);
  CHECK(stored->after(with_ann->last_actor(), with_ann->last_boot()).empty());
  CHECK(stored->after(with_ann->last_actor() - 1, with_ann->last_boot()).size() == 1);
}

TEST_CASE("too many questions are refused, and those of somebody who has gone answered to nobody") {
  Asked asked(1);
  using Refusable = std::expected<int, Rejection>;
  int refused = 0;
  int answered = 0;
  std::promise<void> go_on;  // before one was refused, the only worker has no time
  for (int i = 0; i < 50; ++i) {
    asked.questions->ask<Refusable>(
        [&, wait = i == 0](const Ground&) -> Refusable {
          if (wait) (void)go_on.get_future().wait_for(std::chrono::minutes(1));
          return 1;
        },
        [&](const Refusable& answer) {
          answered += answer ? 1 : 0;
          if (!answer && answer.error().kind == Refusal::kExhausted && ++refused == 1) go_on.set_value();
          if (answered + refused == 50) asked.loop.stop();
        });
  }
  uv::test::run(asked.loop);
  CHECK(answered + refused == 50);
  CHECK(answered > 0);
  CHECK(refused > 0);
  int late = 0;
  asked.questions->ask<Refusable>([](const Ground&) -> Refusable { return 1; },
                                  [&](const Refusable&) { ++late; });
  asked.questions.reset();
  asked.readers.reset();
  asked.turn();
  CHECK(late == 0);
}
