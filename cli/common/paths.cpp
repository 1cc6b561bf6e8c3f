#include "cli/common/paths.h"

#include <unistd.h>

#include <cstdlib>

namespace banger::cli {
namespace {

// $`name` if it is an absolute path, else `fallback`.
std::string directory(const Environment& environment, const char* name, std::string fallback) {
  std::string value = environment(name);
  return value.starts_with('/') ? value : fallback;
}

}  // namespace

std::string environment(const char* name) {
  const char* value = ::secure_getenv(name);
  return value ? value : "";
}

DefaultPaths default_paths(unsigned uid, const Environment& environment) {
  if (uid == 0) {
    return {"/var/lib/banger", "/run/banger/bangerd.sock", "/etc/banger/banger.toml"};
  }
  const std::string home = directory(environment, "HOME", "/");
  const std::string under_home = home == "/" ? "" : home;
  // Without a session's runtime directory the socket lies at home: /tmp is everybody's.
  return {
      directory(environment, "XDG_DATA_HOME", under_home + "/.local/share") + "/banger",
      directory(environment, "XDG_RUNTIME_DIR", under_home + "/.local/state/banger/run") +
          (environment("XDG_RUNTIME_DIR").starts_with('/') ? "/banger" : "") + "/bangerd.sock",
      directory(environment, "XDG_CONFIG_HOME", under_home + "/.config") + "/banger/banger.toml",
  };
}

DefaultPaths default_paths() {
  return default_paths(::geteuid(),
                       [](const char* name) { return banger::cli::environment(name); });
}

std::string absolute_path(std::string_view path) {
  if (path.starts_with('/')) return std::string(path);
  char* here = ::getcwd(nullptr, 0);
  std::string absolute = here ? here : "";
  std::free(here);
  if (absolute != "/") absolute += '/';
  return absolute.append(path);
}

}  // namespace banger::cli
