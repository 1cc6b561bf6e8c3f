// The one shell quoter. Every word that comes from a user and ends up in a shell of a guest goes
// through here; nothing else may build a command line. Quotes for POSIX sh: dash, bash and busybox
// agree. Never touches a shell itself.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "events/result.h"

namespace banger::guest {

// One word that a POSIX shell reads back as exactly these bytes. Only NUL is refused: no argv can
// hold it.
[[nodiscard]] Result<std::string> quote(std::string_view word);

// The words, quoted, with one blank between them.
[[nodiscard]] Result<std::string> quote_words(std::span<const std::string> words);

}  // namespace banger::guest
