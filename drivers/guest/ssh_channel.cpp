#include "drivers/guest/ssh_channel.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include <algorithm>

namespace banger::guest {

struct SshChannel::State {
  SshSession* session = nullptr;
  ssh_channel channel = nullptr;
  ssh_channel_callbacks_struct callbacks{};
  bool eof = false;
  std::string out;
  std::string err;
  std::optional<End> end;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (channel != nullptr) {
      ssh_remove_channel_callbacks(channel, &callbacks);
      ssh_channel_free(channel);
    }
  }
};

namespace {

constexpr size_t kMaxSignalName = 16;  // the guest chooses the name that exit-signal carries

template <class Step>
SshResult<void> request(SshSession& session, Deadline deadline, std::string_view what, Step step) {
  for (;;) {
    int rc = step();
    if (rc == SSH_OK) return {};
    if (rc != SSH_AGAIN) return std::unexpected(session.error(SshFault::refused, what));
    if (!session.wait(deadline)) {
      return std::unexpected(
          SshError{SshFault::timed_out, std::string(what) + ": the guest did not answer in time"});
    }
  }
}

}  // namespace

SshChannel::SshChannel(std::unique_ptr<State> state) : state_(std::move(state)) {}
SshChannel::SshChannel(SshChannel&&) noexcept = default;
SshChannel::~SshChannel() = default;

SshResult<SshChannel> SshChannel::open(SshSession& session, Deadline deadline) {
  auto state = std::make_unique<State>();
  state->session = &session;
  state->channel = ssh_channel_new(session.raw());
  if (state->channel == nullptr) {
    return std::unexpected(session.error(SshFault::refused, "open a channel"));
  }
  auto& cb = state->callbacks;
  cb.userdata = state.get();
  cb.channel_data_function = [](ssh_session, ssh_channel, void* data, uint32_t len, int is_stderr,
                                void* self) {
    auto* to = static_cast<State*>(self);
    (is_stderr != 0 ? to->err : to->out).append(static_cast<const char*>(data), len);
    return static_cast<int>(len);
  };
  cb.channel_eof_function = [](ssh_session, ssh_channel, void* self) {
    static_cast<State*>(self)->eof = true;
  };
  cb.channel_exit_status_function = [](ssh_session, ssh_channel, int code, void* self) {
    static_cast<State*>(self)->end = End{code, {}};
  };
  cb.channel_exit_signal_function = [](ssh_session, ssh_channel, const char* name, int, const char*,
                                       const char*, void* self) {
    static_cast<State*>(self)->end = End{std::nullopt, std::string(name).substr(0, kMaxSignalName)};
  };
  ssh_callbacks_init(&cb);
  if (ssh_set_channel_callbacks(state->channel, &cb) != SSH_OK) {
    return std::unexpected(session.error(SshFault::protocol, "open a channel"));
  }
  auto opened = request(session, deadline, "open a channel",
                        [&] { return ssh_channel_open_session(state->channel); });
  if (!opened) return std::unexpected(std::move(opened).error());
  return SshChannel(std::move(state));
}

SshResult<void> SshChannel::request_terminal(const std::string& term, WindowSize size,
                                             Deadline deadline) {
  return request(*state_->session, deadline, "ask the guest for a terminal", [&] {
    return ssh_channel_request_pty_size(state_->channel, term.c_str(), size.columns, size.rows);
  });
}

SshResult<void> SshChannel::exec(const std::string& command, Deadline deadline) {
  return request(*state_->session, deadline, "start the command",
                 [&] { return ssh_channel_request_exec(state_->channel, command.c_str()); });
}

SshResult<void> SshChannel::login_shell(Deadline deadline) {
  return request(*state_->session, deadline, "start a login shell",
                 [&] { return ssh_channel_request_shell(state_->channel); });
}

bool SshChannel::turn(size_t budget) {
  const size_t start = state_->out.size() + state_->err.size();
  size_t held = start;
  for (;;) {
    state_->session->turn();
    size_t now = state_->out.size() + state_->err.size();
    if (now == held || now - start >= budget) break;
    held = now;
  }
  return state_->session->alive();
}

bool SshChannel::writable() const {
  return ssh_channel_window_size(state_->channel) > 0 &&
         (ssh_get_status(state_->session->raw()) & SSH_WRITE_PENDING) == 0;
}

SshResult<size_t> SshChannel::write(std::string_view bytes) {
  auto size = std::min<size_t>(bytes.size(), ssh_channel_window_size(state_->channel));
  if (size == 0) return 0;
  int n = ssh_channel_write(state_->channel, bytes.data(), static_cast<uint32_t>(size));
  if (n < 0) return std::unexpected(state_->session->error(SshFault::lost, "send"));
  return static_cast<size_t>(n);
}

SshResult<void> SshChannel::send_eof() {
  if (ssh_channel_send_eof(state_->channel) == SSH_ERROR) {
    return std::unexpected(state_->session->error(SshFault::lost, "send the end of input"));
  }
  return {};
}

// A refusal changes nothing that anybody could act on, and a lost connection shows at the next
// turn.
void SshChannel::resize(WindowSize size) {
  (void)ssh_channel_change_pty_size(state_->channel, size.columns, size.rows);
}

bool SshChannel::finished() const {
  return state_->eof || closed();
}

bool SshChannel::closed() const {
  return ssh_channel_is_closed(state_->channel) != 0;
}

const std::optional<SshChannel::End>& SshChannel::end() const {
  return state_->end;
}
std::string& SshChannel::out() {
  return state_->out;
}
std::string& SshChannel::err() {
  return state_->err;
}

}  // namespace banger::guest
