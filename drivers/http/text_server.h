// TextServer: gives one text to whoever GETs one path on a loopback port. For the daemon's metrics.
// It listens on loopback only: nobody is asked who he is. Bounded: connections, bytes and time of
// each; beyond, a client is dropped. Loop's thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "drivers/uv/connections.h"
#include "events/result.h"

namespace banger::http {

// "127.0.0.1:9477", "[::1]:9477", "localhost:9477"; any other address is an Error, port 0 means any
// that is free.
[[nodiscard]] Status check_loopback(const std::string& address);

class TextServer {
 public:
  using Body = std::function<std::string()>;

  [[nodiscard]] static Result<std::unique_ptr<TextServer>> listen(uv::Loop& loop,
                                                                  const std::string& address,
                                                                  std::string path, Body body,
                                                                  uv::ConnectionLimits limits = {});
  ~TextServer();
  TextServer(const TextServer&) = delete;
  TextServer& operator=(const TextServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] std::size_t connection_count() const;

 private:
  struct Impl;
  explicit TextServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace banger::http
