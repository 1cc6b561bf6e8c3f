// Hands the daemon's metrics out: into a file that node_exporter's textfile collector reads, written
// anew on each tick and never seen half, and on a loopback port. Reads the runtime and the log on
// the loop; looks at files on a worker. Changes nothing.
#pragma once

#include <memory>

#include "cli/bangerd/adapters.h"
#include "cli/bangerd/config.h"
#include "cli/bangerd/metrics/measures.h"
#include "drivers/http/text_server.h"
#include "drivers/rpc/server.h"
#include "drivers/uv/worker_pool.h"
#include "engine/runtime/runtime.h"

namespace banger::bangerd {

struct PublisherParts {
  uv::Loop& loop;
  const Config& config;
  const Layout& layout;
  const Runtime& runtime;
  const log::EventLog& log;
  const StoredLog& stored;
  const rpc::Server& server;
  uv::WorkerPool& pool;
  std::int64_t started_at_ns;
};

class Publisher {
 public:
  // An Error where the port cannot be had.
  [[nodiscard]] static Result<std::unique_ptr<Publisher>> start(PublisherParts parts);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  void tick();
  [[nodiscard]] std::string text() const;

 private:
  explicit Publisher(PublisherParts parts);

  PublisherParts parts_;
  Sequence first_head_;  // the log's when we started
  std::uint64_t log_bytes_ = 0;
  bool looking_ = false;
  std::string last_error_;  // told once, not on each tick
  std::unique_ptr<http::TextServer> server_;
  std::shared_ptr<bool> here_ = std::make_shared<bool>(true);
};

}  // namespace banger::bangerd
