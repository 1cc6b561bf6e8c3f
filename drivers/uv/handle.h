// How this folder owns libuv handles: each lives on the heap beside its callback, because uv_close
// finishes only on a later turn of the loop. Private to drivers/uv; nobody else includes it.
#pragma once

#include <uv.h>

#include <functional>
#include <utility>

#include "drivers/uv/loop.h"
#include "events/assert.h"

namespace banger::uv {

template <class Handle, class... Args>
struct Owned {
  Handle handle{};
  std::function<void(Args...)> callback;
  bool closed = false;

  explicit Owned(std::function<void(Args...)> fn) : callback(std::move(fn)) { handle.data = this; }

  static Owned& of(Handle* raw) { return *static_cast<Owned*>(raw->data); }

  // The callback may destroy the object that owns this handle; the memory lasts until close_done.
  void call(Args... args) noexcept {
    if (!closed) callback(args...);
  }

  static void close(Owned* self) {
    if (self == nullptr) return;
    self->closed = true;
    uv_close(reinterpret_cast<uv_handle_t*>(&self->handle), close_done);
  }

 private:
  static void close_done(uv_handle_t* raw) noexcept { delete static_cast<Owned*>(raw->data); }
};

}  // namespace banger::uv
