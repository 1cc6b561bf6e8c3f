// The records of a bundle one by one: what each body must be before anything is made of it. The checksum is no shield
// here: whoever writes a bundle writes its checksums.
#include "events/bundle/records.h"

#include <functional>

#include "events/log/bytes.h"
#include "tests/catch.h"

namespace banger::bundle {
namespace {

// The body of the one record that `put` makes.
std::string body_of(const std::function<void(std::string&)>& put) {
  std::string record;
  put(record);
  REQUIRE(record_bytes(record).value() == record.size());
  const auto opened = open_record(record);
  REQUIRE(opened);
  return std::string(opened->body);
}

const Head kHead{.purpose = Purpose::kArchive, .store = {7, 9}, .epoch = 2, .first = 3, .last = 5, .head = 8, .about = "vm web"};

std::string why(const Head& head) {
  const auto parsed = parse_head(body_of([&](std::string& out) { put_head(out, head); }));
  return parsed ? "" : parsed.error().message;
}

// A record that declares this kind, with the checksum that goes with it.
std::string record_of_kind(std::uint32_t kind) {
  std::string covered;
  log::put_le(covered, std::uint32_t{0});
  log::put_le(covered, kind);
  std::string record;
  log::put_le(record, log::crc32_of(covered));
  return record + covered;
}

TEST_CASE("a record is of a kind that is known, and as long as any can be") {
  CHECK(open_record(record_of_kind(static_cast<std::uint32_t>(RecordKind::kEnd))));
  for (const std::uint32_t kind : {0u, 8u, 0x101u}) {
    CHECK(open_record(record_of_kind(kind)).error().message ==
          "damaged bundle: a record of kind " + std::to_string(kind) + ", which is not known here");
  }
  std::string header = record_of_kind(1).substr(0, kRecordHeaderBytes);
  CHECK(record_bytes(header));
  header[7] = '\x7f';
  CHECK(record_bytes(header).error().message == "damaged bundle: a record longer than any can be");
  CHECK(record_bytes(header.substr(0, 7)).error().message == "damaged bundle: it is cut off");
}

TEST_CASE("a head is whole, says what it is for, and does not contradict itself") {
  const std::string body = body_of([](std::string& out) { put_head(out, kHead); });
  CHECK(parse_head(body).value() == kHead);
  const std::size_t fixed = body.size() - kHead.about.size();
  CHECK(parse_head(body.substr(0, fixed))->about.empty());
  for (std::size_t kept = 0; kept < fixed; ++kept) CHECK_FALSE(parse_head(body.substr(0, kept)));
  Head head = kHead;
  head.purpose = static_cast<Purpose>(3);
  CHECK(why(head) == "damaged bundle: it is neither an export nor an archive");
  const std::string contradicts = "damaged bundle: its head contradicts itself";
  head = kHead;
  head.store = {};
  CHECK(why(head) == contradicts);
  head = kHead;
  head.first = head.last + 1;
  CHECK(why(head) == contradicts);
  head = kHead;
  head.head = head.last - 1;
  CHECK(why(head) == contradicts);
}

TEST_CASE("an interned entry has its table and number") {
  const std::string body = body_of([](std::string& out) { put_interned(out, {InternTable::kBoot, 4, "x"}); });
  CHECK(parse_interned(body)->bytes == "x");
  CHECK(parse_interned(body.substr(0, 5)));
  CHECK_FALSE(parse_interned(body.substr(0, 4)));
}

TEST_CASE("a block has a place, and ends before numbers do") {
  const auto parse = [](BlockHead block) { return parse_block(body_of([&](std::string& out) { put_block(out, block); })); };
  CHECK(parse({3, 2, {1}, {2}}).value() == BlockHead{3, 2, {1}, {2}});
  CHECK(parse({UINT64_MAX - 2, 2, {}, {}}));
  for (const BlockHead& nowhere : {BlockHead{0, 2, {}, {}}, BlockHead{3, 0, {}, {}}, BlockHead{UINT64_MAX - 1, 2, {}, {}}}) {
    CHECK(parse(nowhere).error().message == "damaged bundle: a block without a place");
  }
  const std::string body = body_of([](std::string& out) { put_block(out, {3, 2, {}, {}}); });
  CHECK_FALSE(parse_block(body + "x"));
  CHECK_FALSE(parse_block(body.substr(1)));
}

TEST_CASE("an event has public bytes, and a personal part as its kind of part has one") {
  const std::string digest(Digest{}.size(), 'd');
  const std::string longest(log::kMaxPartBytes, 'l');
  const std::string too_long = longest + "l";
  using log::PersonalPart;
  const auto takes = [](PersonalPart kind, std::string_view open, std::string_view part) {
    std::string body;
    log::put_le(body, static_cast<std::uint8_t>(kind));
    log::put_le(body, static_cast<std::uint32_t>(open.size()));
    return parse_event(body.append(open).append(part)).has_value();
  };
  CHECK(takes(PersonalPart::kNone, "open", ""));
  CHECK_FALSE(takes(PersonalPart::kNone, "open", "secret"));
  CHECK(takes(PersonalPart::kPresent, "open", "secret"));
  CHECK_FALSE(takes(PersonalPart::kPresent, "open", ""));
  CHECK(takes(PersonalPart::kErased, "open", digest));
  CHECK_FALSE(takes(PersonalPart::kErased, "open", "secret"));
  CHECK_FALSE(takes(static_cast<PersonalPart>(9), "open", ""));
  CHECK_FALSE(takes(PersonalPart::kPresent, "", "secret"));
  CHECK(takes(PersonalPart::kPresent, longest, longest));
  CHECK_FALSE(takes(PersonalPart::kPresent, too_long, "secret"));
  CHECK_FALSE(takes(PersonalPart::kPresent, "open", too_long));
  std::string lies;
  log::put_le(lies, static_cast<std::uint8_t>(PersonalPart::kNone));
  log::put_le(lies, std::uint32_t{5});
  CHECK_FALSE(parse_event(lies + "open"));
}

TEST_CASE("a list of digests names one at least, and no half of one; the end is one") {
  const std::string two(2 * Digest{}.size(), 'd');
  CHECK(parse_left_out(two)->digests.size() == 2);
  CHECK_FALSE(parse_left_out(""));
  CHECK_FALSE(parse_left_out(two.substr(1)));
  CHECK(parse_end(two.substr(Digest{}.size())));
  CHECK_FALSE(parse_end(two));
  CHECK_FALSE(parse_end(two.substr(1)));
}

}  // namespace
}  // namespace banger::bundle
