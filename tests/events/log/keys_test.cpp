// The log's keys and small values: each is read back as it was written, and nothing that is cut off, too long, under
// another name or contradicts itself is taken for one.
#include "events/log/keys.h"

#include <array>

#include "tests/catch.h"

namespace banger::log {
namespace {

using Takes = std::function<bool(std::string_view)>;

// Of bytes that are taken, none is too many and none can be missing.
void require_exact(std::string_view whole, const Takes& takes) {
  REQUIRE(takes(whole));
  for (std::size_t kept = 0; kept < whole.size(); ++kept) {
    CAPTURE(kept);
    REQUIRE_FALSE(takes(whole.substr(0, kept)));
  }
  REQUIRE_FALSE(takes(std::string(whole) + '\0'));
}

constexpr StreamId kStream{StreamKind::kVm, 77};

TEST_CASE("numbers, stream keys, interned keys and store ids are exactly as long as they are") {
  require_exact(number_key(40), [](auto bytes) { return parse_number(bytes) == 40; });
  require_exact(stream_key(kStream, 3), [](auto bytes) {
    const auto key = parse_stream_key(bytes);
    return key && key->stream == kStream && key->version == 3;
  });
  require_exact(interned_key(2, 9), [](auto bytes) {
    const auto interned = parse_interned(bytes);
    return interned && interned->table == 2 && interned->id == 9;
  });
  require_exact(store_id_value({5, 6}), [](auto bytes) { return parse_store_id(bytes) == StoreId{5, 6}; });
}

TEST_CASE("an entry of the kind index names all its events, and no half of one") {
  const std::array<Sequence, 3> events{10, 12, 300};
  const std::string key = kind_key(4, 10);
  const std::string value = kind_value(events);
  CHECK(parse_kind(key, value) == std::vector<Sequence>{10, 12, 300});
  CHECK(parse_kind(key, value.substr(0, 2)) == std::vector<Sequence>{10, 12});  // a value of its own
  CHECK_FALSE(parse_kind(key, value.substr(0, 3)));
  require_exact(key, [&](auto bytes) { return parse_kind(bytes, value).has_value(); });
}

TEST_CASE("a command's record needs all of its key and all of its value") {
  const CommandRecord record{.id = {1, 2}, .request_digest = {7}, .first_sequence = 5, .event_count = 2, .subject = kStream};
  const std::string key = command_key(record.id);
  const std::string value = command_value(record);
  require_exact(key, [&](auto bytes) { return parse_command(bytes, value).has_value(); });
  require_exact(value, [&](auto bytes) {
    const auto parsed = parse_command(key, bytes);
    return parsed && parsed->id == record.id && parsed->request_digest == record.request_digest &&
           parsed->first_sequence == 5 && parsed->event_count == 2 && parsed->subject == kStream;
  });
}

TEST_CASE("checkpoints that are cut inside of one are none at all") {
  const Checkpoints checkpoints{{{"fleet", 3}, 40}, {{"history", 1}, 39}};
  const std::string value = checkpoints_value(checkpoints);
  const std::size_t first = checkpoints_value({{{"fleet", 3}, 40}}).size();
  CHECK(parse_checkpoints(value) == checkpoints);
  CHECK(parse_checkpoints("") == Checkpoints{});
  for (std::size_t kept = 1; kept < value.size(); ++kept) {
    CAPTURE(kept);
    REQUIRE(parse_checkpoints(value.substr(0, kept)).has_value() == (kept == first));
  }
}

TEST_CASE("an epoch has a number and a reason that is known") {
  const Epoch epoch{3, EpochReason::kRestored, 40, 44};
  const std::string key = epoch_key(3);
  const std::string value = epoch_value(epoch);
  require_exact(key, [&](auto bytes) { return parse_epoch(bytes, value).has_value(); });
  require_exact(value, [&](auto bytes) { return parse_epoch(key, bytes) == epoch; });
  for (const char reason : {'\0', static_cast<char>(static_cast<int>(EpochReason::kLossAccepted) + 1)}) {
    CHECK_FALSE(parse_epoch(key, reason + value.substr(1)));
  }
}

TEST_CASE("an archive's record does not end before it begins") {
  const ArchiveRecord record{.first = 5, .last = 9, .chain = {1}, .digest = {2}, .bytes = 1000};
  const std::string value = archive_value(record);
  require_exact(archive_key(5), [&](auto bytes) { return parse_archive(bytes, value).has_value(); });
  require_exact(value, [&](auto bytes) { return parse_archive(archive_key(5), bytes) == record; });
  CHECK(parse_archive(archive_key(9), value));
  CHECK_FALSE(parse_archive(archive_key(10), value));
}

}  // namespace
}  // namespace banger::log
