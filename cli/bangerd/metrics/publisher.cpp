#include "cli/bangerd/metrics/publisher.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>

#include "cli/common/directory.h"
#include "drivers/uv/fd.h"

namespace banger::bangerd {
namespace {

constexpr const char* kPath = "/metrics";

struct Published {
  std::uint64_t log_bytes = 0;
  std::string error;
};

// Whole or not at all for whoever reads it. Not synced: after a crash the next tick writes it anew.
// 0644, because the collector runs as another user.
Status replace_file(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return fail_errno("open " + fresh, errno);
  if (::fchmod(fd.get(), 0644) != 0) return fail_errno("chmod " + fresh, errno);
  while (!text.empty()) {
    const ssize_t n = ::write(fd.get(), text.data(), text.size());
    if (n < 0) return fail_errno("write " + fresh, errno);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return fail_errno("rename " + fresh, errno);
  return {};
}

}  // namespace

Result<std::unique_ptr<Publisher>> Publisher::start(PublisherParts parts) {
  auto publisher = std::unique_ptr<Publisher>(new Publisher(std::move(parts)));
  const PublisherParts& kept = publisher->parts_;
  if (!kept.config.metrics_listen.empty()) {
    auto server = http::TextServer::listen(kept.loop, kept.config.metrics_listen, kPath,
                                           [self = publisher.get()] { return self->text(); });
    if (!server) return with_context("metrics", server.error());
    spdlog::info("metrics on port {} of loopback", (*server)->port());
    publisher->server_ = *std::move(server);
  }
  publisher->tick();
  return publisher;
}

Publisher::Publisher(PublisherParts parts)
    : parts_(std::move(parts)), first_head_(parts_.log.head().sequence) {}

Publisher::~Publisher() { *here_ = false; }

std::string Publisher::text() const {
  const log::Head head = parts_.log.head();
  const ReconcileStatus status = parts_.runtime.status();
  Measures measures{.version = BANGER_VERSION,
                    .head_sequence = head.sequence,
                    .epoch = head.epoch,
                    .appended = head.sequence - first_head_,
                    .queue_depth = parts_.log.queue_depth(),
                    .log_bytes = log_bytes_,
                    .parked = status.parked,
                    .shadow_folds = status.shadow_folds,
                    .last_shadow_fold_ns = status.last_shadow_fold_ns,
                    .shadow_fold_to = status.shadow_fold_to,
                    .drifted_rows = status.drifted_rows,
                    .corrections = status.corrections,
                    .observations = status.observations,
                    .observed_us = status.observed_us,
                    .in_flight = status.in_flight,
                    .held = status.held,
                    .connections = parts_.server.connection_count(),
                    .low_water = parts_.runtime.low_water(),
                    .started_at_ns = parts_.started_at_ns};
  count_fleet(parts_.runtime.fleet(), measures);
  return metrics_text(measures, parts_.stored.commit_latency());
}

void Publisher::tick() {
  const bool wanted = !parts_.config.metrics_file.empty() || server_;
  if (!wanted || looking_) return;
  auto work = [file = parts_.config.metrics_file, log_dir = parts_.layout.log_dir(), text = text()] {
    Published published{.log_bytes = cli::usage_of(log_dir).disk_bytes};
    if (file.empty()) return published;
    if (auto written = replace_file(file, text); !written) {
      published.error = written.error().message;
    }
    return published;
  };
  auto done = [this, here = here_](Published published) {
    if (!*here) return;
    looking_ = false;
    log_bytes_ = published.log_bytes;
    if (published.error != last_error_ && !published.error.empty()) {
      spdlog::warn("metrics_file: {}", published.error);
    }
    last_error_ = std::move(published.error);
  };
  looking_ = parts_.pool.submit(std::move(work), std::move(done)).has_value();
}

}  // namespace banger::bangerd
