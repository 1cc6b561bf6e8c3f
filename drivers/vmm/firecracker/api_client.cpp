#include "drivers/vmm/firecracker/api_client.h"

#include <curl/curl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "drivers/vmm/qemu_argv.h"
#include "events/assert.h"

namespace banger::vmm::firecracker {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::json;

constexpr int kRetryMs = 10;  // while the socket is not up yet
constexpr std::size_t kMaxHeadBytes = 16 * 1024;
constexpr std::size_t kMaxFaultBytes = 1000;
constexpr long kFirstFailure = 300;  // redirections are not followed, and Firecracker has none

struct Answer {
  std::string body;
  std::size_t head_bytes = 0;
  bool too_long = false;
  bool head_complete = false;  // libcurl is content with a head that breaks off between two lines
};

std::size_t take_body(const char* bytes, std::size_t one, std::size_t n, void* to) {
  auto& answer = *static_cast<Answer*>(to);
  if (answer.body.size() + one * n > kMaxReplyBytes) {
    answer.too_long = true;
    return 0;  // anything but the count ends the transfer
  }
  answer.body.append(bytes, one * n);
  return one * n;
}

std::size_t take_head(const char* bytes, std::size_t one, std::size_t n, void* to) {
  auto& answer = *static_cast<Answer*>(to);
  const std::string_view line(bytes, one * n);
  answer.head_bytes += line.size();
  if (answer.head_bytes > kMaxHeadBytes) {
    answer.too_long = true;
    return 0;
  }
  if (line.starts_with("HTTP/")) answer.head_complete = false;  // "100 Continue" has its own
  if (line == "\r\n") answer.head_complete = true;
  return one * n;
}

using Curl = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

// Once a process, before any other call (libcurl(3)); without TLS, which a unix socket doesn't
// speak.
bool curl_is_ready() {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_NOTHING);
  return ready == CURLE_OK;
}

template <class T>
void set(const Curl& curl, CURLoption option, T value) {
  // Fails only for an option that this libcurl lacks, or without memory.
  BANGER_ASSERT(curl_easy_setopt(curl.get(), option, value) == CURLE_OK);
}

void describe_transfer(const Curl& curl, const std::string& socket, const ApiRequest& request,
                       Duration limit, const Headers& headers, Answer& answer) {
  set(curl, CURLOPT_UNIX_SOCKET_PATH, socket.c_str());
  set(curl, CURLOPT_URL, ("http://localhost" + request.path).c_str());
  set(curl, CURLOPT_NOPROXY, "*");  // whatever http_proxy says
  set(curl, CURLOPT_NOSIGNAL, 1L);  // SIGALRM belongs to no thread
  set(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
  set(curl, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(curl, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  set(curl, CURLOPT_HTTPHEADER, headers.get());
  if (!request.body.empty()) {
    set(curl, CURLOPT_POSTFIELDS, request.body.data());
    set(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  set(curl, CURLOPT_WRITEFUNCTION, take_body);
  set(curl, CURLOPT_WRITEDATA, static_cast<void*>(&answer));
  set(curl, CURLOPT_HEADERFUNCTION, take_head);
  set(curl, CURLOPT_HEADERDATA, static_cast<void*>(&answer));
}

// What libcurl's refusal means to our callers.
std::unexpected<Error> transfer_error(const Curl& curl, CURLcode code, const Answer& answer) {
  if (answer.too_long) {
    const auto bound = answer.head_bytes > kMaxHeadBytes ? kMaxHeadBytes : kMaxReplyBytes;
    return fail("the answer is longer than " + std::to_string(bound) + " bytes", EPROTO);
  }
  if (code == CURLE_OPERATION_TIMEDOUT) return fail("no answer in time", ETIMEDOUT);
  if (code == CURLE_COULDNT_CONNECT) {
    long sys_errno = 0;
    (void)curl_easy_getinfo(curl.get(), CURLINFO_OS_ERRNO, &sys_errno);
    if (sys_errno != 0) return fail_errno("connect", static_cast<int>(sys_errno));
    return fail("connect: nobody listens", ECONNREFUSED);
  }
  if (code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR ||
      code == CURLE_SEND_ERROR) {
    return fail("it hung up before the answer was whole", EPROTO);
  }
  return fail(std::string("the answer is no HTTP: ") + curl_easy_strerror(code), EPROTO);
}

// A VMM's own words, bounded, and without what would steer a terminal.
std::string words_of(const Json& fault) {
  std::string words = fault.get<std::string>();
  std::size_t end = std::min(words.size(), kMaxFaultBytes);
  while (end < words.size() && end > 0 && (words[end] & 0xc0) == 0x80) --end;  // no half character
  words.resize(end);
  std::ranges::replace_if(words, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return words;
}

Result<std::string> judged(long status, std::string body) {
  const Json parsed = Json::parse(body, nullptr, false);
  if (!body.empty() && parsed.is_discarded()) {
    return fail("answered " + std::to_string(status) + " with something that is no JSON", EPROTO);
  }
  if (status < kFirstFailure) return body;
  const bool says_why =
      parsed.is_object() && parsed.contains("fault_message") && parsed["fault_message"].is_string();
  return fail("refused with " + std::to_string(status) + ": " +
                  (says_why ? words_of(parsed["fault_message"]) : "it does not say why"),
              EINVAL);
}

Result<std::string> transfer(const std::string& socket, const ApiRequest& request, Duration limit) {
  if (socket.empty() || socket.size() > kMaxSocketPath)
    return fail("no path of a socket: " + socket, ENAMETOOLONG);
  // 0 would mean to libcurl that there is no limit.
  if (limit <= Duration::zero()) return fail("no time is left", ETIMEDOUT);
  if (!curl_is_ready()) return fail("libcurl does not start");
  const Curl curl(curl_easy_init(), curl_easy_cleanup);
  Headers headers(curl_slist_append(nullptr, "Content-Type: application/json"),
                  curl_slist_free_all);
  // Firecracker is not asked first whether it wants a body.
  if (!curl || !headers || curl_slist_append(headers.get(), "Expect:") == nullptr)
    return fail("libcurl: no memory");
  Answer answer;
  describe_transfer(curl, socket, request, limit, headers, answer);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) return transfer_error(curl, code, answer);
  if (!answer.head_complete) return fail("it hung up before the answer was whole", EPROTO);
  long status = 0;
  (void)curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  return judged(status, std::move(answer.body));
}

std::string stage_of(const ApiRequest& request) {
  return request.what + " (" + request.method + " " + request.path + ")";
}

// A field of an answer that must be an object with this text in it.
Result<std::string> text_field(const std::string& body, const char* name) {
  const Json parsed = Json::parse(body, nullptr, false);
  if (!parsed.is_object() || !parsed.contains(name) || !parsed[name].is_string()) {
    return fail(std::string("the answer has no ") + name, EPROTO);
  }
  return parsed[name].get<std::string>();
}

std::optional<InstanceState> parse_state(std::string_view name) {
  if (name == "Not started") return InstanceState::kNotStarted;
  if (name == "Running") return InstanceState::kRunning;
  if (name == "Paused") return InstanceState::kPaused;
  return std::nullopt;
}

Result<InstanceInfo> parse_info(const std::string& body) {
  const auto id = text_field(body, "id");
  const auto state = text_field(body, "state");
  const auto vmm_version = text_field(body, "vmm_version");
  for (const auto* field : {&id, &state, &vmm_version}) {
    if (!*field) return std::unexpected(field->error());
  }
  const auto known = parse_state(*state);
  if (!known) return fail("no state is called " + words_of(*state), EPROTO);
  return InstanceInfo{*id, *known, *vmm_version};
}

bool nobody_listens(const Error& error) {
  return error.sys_errno == ENOENT || error.sys_errno == ECONNREFUSED;
}

Duration left_of(Clock::time_point until, Duration at_most) {
  return std::min(at_most, std::chrono::duration_cast<Duration>(until - Clock::now()));
}

// The first answer of a VMM that may not listen yet. Only a refused connection is tried again:
// nothing was sent then.
Result<InstanceInfo> await_instance(const std::string& socket, const StartLimits& limits,
                                    Clock::time_point until) {
  while (true) {
    auto info = instance_info(socket, left_of(until, limits.call));
    if (info || !nobody_listens(info.error())) return info;
    if (limits.still_there && !limits.still_there()) {
      return with_context("Firecracker ended before it listened", info.error());
    }
    if (Clock::now() >= until)
      return fail(info.error().message + ", and the time is up", ETIMEDOUT);
    (void)::poll(nullptr, 0, kRetryMs);
  }
}

}  // namespace

Result<std::string> call(const std::string& socket, const ApiRequest& request, Duration limit) {
  auto body = transfer(socket, request, limit);
  if (!body) return with_context(stage_of(request), body.error());
  return body;
}

Status send(const std::string& socket, const ApiRequest& request, Duration limit) {
  BANGER_TRY(call(socket, request, limit));
  return {};
}

Result<InstanceInfo> instance_info(const std::string& socket, Duration limit) {
  const auto body = call(socket, instance_request(), limit);
  if (!body) return std::unexpected(body.error());
  auto info = parse_info(*body);
  if (!info) return with_context(stage_of(instance_request()), info.error());
  return info;
}

Result<std::string> version(const std::string& socket, Duration limit) {
  const auto body = call(socket, version_request(), limit);
  if (!body) return std::unexpected(body.error());
  auto text = text_field(*body, "firecracker_version");
  if (!text) return with_context(stage_of(version_request()), text.error());
  return text;
}

Result<InstanceInfo> configure_and_start(const std::string& socket, const FirecrackerSpec& spec,
                                         const StartLimits& limits) {
  const auto until = Clock::now() + limits.whole;
  const auto requests = start_requests(spec);
  if (!requests) return std::unexpected(requests.error());
  auto info = await_instance(socket, limits, until);
  if (!info) return info;
  const std::string ours = vmm_name({spec.vm, spec.incarnation});
  if (info->id != ours) {
    return fail(stage_of(instance_request()) + ": another VMM listens, not " + ours + " but " +
                    words_of(info->id),
                EEXIST);
  }
  if (info->state != InstanceState::kNotStarted) {
    return fail(stage_of(instance_request()) + ": it has been started already", EALREADY);
  }
  for (const ApiRequest& request : *requests) {
    if (limits.still_there && !limits.still_there()) {
      return fail(stage_of(request) + ": not sent, the start was given up", ECANCELED);
    }
    BANGER_TRY(send(socket, request, left_of(until, limits.call)));
  }
  info->state = InstanceState::kRunning;
  return info;
}

}  // namespace banger::vmm::firecracker
