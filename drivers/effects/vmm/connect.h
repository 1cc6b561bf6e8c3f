// A connection to a unix socket, made at once or not at all: for the loop, which must not wait for a VMM.
#pragma once

#include <string>

#include "drivers/uv/fd.h"

namespace banger::effects {

// Non-blocking. None where nobody listens yet, or not any more.
[[nodiscard]] Fd connect_now(const std::string& path);

}  // namespace banger::effects
