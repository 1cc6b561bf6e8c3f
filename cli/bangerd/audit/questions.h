// What every question about the log begins with, in one place: it is asked once all that was
// appended before it is durable, so that nobody misses what he was answered, and nobody is told what
// could still be lost; then on a worker, and answered on the loop. For the Service and its care; on
// the loop's thread, but for what runs on the worker.
#pragma once

#include <functional>
#include <memory>

#include "drivers/uv/worker_pool.h"
#include "engine/runtime/runtime.h"

namespace banger::bangerd {

// What a question is asked on.
struct Ground {
  Sequence head = 0;                         // durable; nothing behind it is looked at
  std::shared_ptr<const Interned> interned;  // what events up to there may name, and maybe more
};

// A pool that is full, in the words of whoever asked.
[[nodiscard]] inline Rejection too_many(const Error&, Rejection*) {
  return {Refusal::kExhausted, "too many questions at once", "again in a moment"};
}
[[nodiscard]] inline Error too_many(const Error& error, Error*) { return error; }

class Questions {
 public:
  Questions(Runtime& runtime, const log::EventLog& log, uv::WorkerPool& readers)
      : runtime_(runtime), log_(log), readers_(readers) {}
  // What is under way then is answered to nobody.
  ~Questions() { *here_ = false; }
  Questions(const Questions&) = delete;
  Questions& operator=(const Questions&) = delete;

  // `question` on a worker, `answer` with what it gave on the loop. `Answer` is a std::expected with a
  // Rejection or an Error.
  template <class Answer>
  void ask(std::function<Answer(const Ground&)> question, std::function<void(Answer)> answer) {
    runtime_.when_durable([this, here = here_, question = std::move(question),
                           answer = std::move(answer)] {
      if (!*here) return;
      // On the heap from the start: GCC 12 takes the destructor of an expected that is passed on by
      // value for a free() of nothing that was allocated.
      auto work = [question, ground = ground()] {
        return std::make_unique<Answer>(question(ground));
      };
      auto done = [here, answer](std::unique_ptr<Answer> given) {
        if (*here) answer(std::move(*given));
      };
      using Refused = typename Answer::error_type;
      if (auto begun = readers_.submit(std::move(work), std::move(done)); !begun)
        answer(std::unexpected(too_many(begun.error(), static_cast<Refused*>(nullptr))));
    });
  }

  // What the runtime has interned by now, as workers may read it.
  [[nodiscard]] std::shared_ptr<const Interned> interned();

 private:
  [[nodiscard]] Ground ground() { return {log_.head().sequence, interned()}; }

  Runtime& runtime_;
  const log::EventLog& log_;
  uv::WorkerPool& readers_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
  std::shared_ptr<const Interned> kept_ = std::make_shared<Interned>();
};

}  // namespace banger::bangerd
