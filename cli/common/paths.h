// Where banger's files lie unless somebody says otherwise: the XDG directories of a user, /var/lib
// and /run for root. bangerctl and bangerd both ask here, so that they look for the same socket.
// Reads the environment and the uid; touches no file.
#pragma once

#include <functional>
#include <string>

namespace banger::cli {

struct DefaultPaths {
  std::string data_dir;
  std::string socket;
  std::string config_file;  // read if it exists
};

// The value of an environment variable; empty where it is unset.
using Environment = std::function<std::string(const char* name)>;

[[nodiscard]] std::string environment(const char* name);
// `uid` 0 gets the system's directories. XDG variables that hold relative paths are ignored, as the
// XDG Base Directory Specification wants it.
[[nodiscard]] DefaultPaths default_paths(unsigned uid, const Environment& environment);
// Those of the user who runs this program.
[[nodiscard]] DefaultPaths default_paths();

// `path` made absolute against the current directory; nothing is resolved.
[[nodiscard]] std::string absolute_path(std::string_view path);

}  // namespace banger::cli
