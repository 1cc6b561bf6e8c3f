// How handlers of calls in this folder talk to the rest of banger, which knows callbacks and
// Result but no KJ: make_pending() for an answer that comes later, guarded() around a handler's
// body, to_exception() for an Error. Everything here belongs to the loop's thread.
#pragma once

#include <kj/async.h>

#include <memory>
#include <utility>

#include "events/result.h"

namespace banger::rpc {

// An Error as the failure of a call; usable wherever a promise is returned.
[[nodiscard]] kj::Exception to_exception(const Error& error);
// The other way, for clients: without KJ's "remote exception: " in front.
[[nodiscard]] Error to_error(const kj::Exception& exception);

// The end of a pending answer that is given away: copyable, so that it fits a std::function.
// Fulfilling after the caller has gone does nothing. When the last copy goes unused, the call
// fails.
template <class T>
class Fulfiller {
 public:
  explicit Fulfiller(kj::Own<kj::PromiseFulfiller<T>> own)
      : own_(std::make_shared<kj::Own<kj::PromiseFulfiller<T>>>(kj::mv(own))) {}

  // False: nobody waits any more (the client went away, or the answer was given).
  [[nodiscard]] bool wanted() const { return (*own_)->isWaiting(); }
  template <class... Value>  // one T, or nothing for void
  void fulfill(Value&&... value) const {
    (*own_)->fulfill(std::forward<Value>(value)...);
  }
  void reject(const Error& error) const { (*own_)->reject(to_exception(error)); }
  // A Result<T> of a driver or the engine, as it is.
  void settle(Result<T> result) const {
    if (!result) return reject(result.error());
    if constexpr (std::is_void_v<T>) {
      fulfill();
    } else {
      fulfill(std::move(*result));
    }
  }

 private:
  std::shared_ptr<kj::Own<kj::PromiseFulfiller<T>>> own_;
};

template <class T>
struct Pending {
  kj::Promise<T> promise;
  Fulfiller<T> fulfiller;
};

template <class T>
[[nodiscard]] Pending<T> make_pending() {
  auto pair = kj::newPromiseAndFulfiller<T>();
  return {kj::mv(pair.promise), Fulfiller<T>(kj::mv(pair.fulfiller))};
}

// Around a handler's body, `kj::Promise<void> body(context)`: the call ends with its client (Cap'n
// Proto 0.9 would run it on, past the end of the server), and whatever is thrown fails the call.
template <class Context, class Body>
[[nodiscard]] kj::Promise<void> guarded(Context context, Body&& body) {
  context.allowCancellation();
  return kj::evalNow([&] { return body(kj::mv(context)); });
}

}  // namespace banger::rpc
