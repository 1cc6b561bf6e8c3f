#include "events/bundle/reader.h"

#include <fstream>

#include "events/log/bytes.h"

namespace banger::bundle {
namespace {

std::unexpected<Error> damaged(const std::string& what) { return fail("damaged bundle: " + what); }

class Pass {
 public:
  Pass(std::istream& in, const Visitor& visit) : in_(in), visit_(visit) { whole_.begin(); }

  Result<Summary> run() {
    BANGER_TRY(take(kPreambleBytes));
    BANGER_TRY(check_preamble());
    whole_.add(buffer_);
    while (!ended_) {
      BANGER_TRY(next_record());
      auto record = open_record(buffer_);
      if (!record) return std::unexpected(record.error());
      BANGER_TRY(take_record(*record));
      if (!ended_) whole_.add(buffer_);
    }
    if (in_.peek() != std::istream::traits_type::eof()) return damaged("there is something behind its end");
    return summary_;
  }

 private:
  Status take(std::size_t bytes) {
    buffer_.resize(bytes);
    return fill(0);
  }
  Status fill(std::size_t from) {
    const auto wanted = static_cast<std::streamsize>(buffer_.size() - from);
    in_.read(buffer_.data() + from, wanted);
    if (in_.gcount() == wanted) return {};
    return fail("the bundle is cut off: its end is missing");
  }
  Status next_record() {
    BANGER_TRY(take(kRecordHeaderBytes));
    auto bytes = record_bytes(buffer_);
    if (!bytes) return std::unexpected(bytes.error());
    buffer_.resize(*bytes);
    return fill(kRecordHeaderBytes);
  }

  Status check_preamble() const {
    const std::string ours = preamble();
    if (buffer_.substr(0, 4) != ours.substr(0, 4)) return fail("this is no bundle");
    if (buffer_ == ours) return {};
    log::Reader reader(std::string_view(buffer_).substr(4));
    const auto format = reader.le<std::uint16_t>();
    if (format > kBundleFormat) {
      return fail("the bundle has format " + std::to_string(format) + ", and this program knows " +
                  std::to_string(kBundleFormat) + ": use a newer banger");
    }
    return damaged("its first bytes");
  }

  Status take_record(const RawRecord& record) {
    if (first_ != (record.kind == RecordKind::kHead)) return damaged("its head is not its first record");
    first_ = false;
    const bool inside = record.kind == RecordKind::kEvent || record.kind == RecordKind::kLeftOut;
    // An interned entry may stand before the event that needs it, wherever that is.
    if (!inside && record.kind != RecordKind::kInterned && missing() > 0) return damaged("a block lacks events");
    switch (record.kind) {
      case RecordKind::kHead: return take_head(record.body);
      case RecordKind::kSchema: return visit_(Schema{record.body});
      case RecordKind::kInterned: return pass(parse_interned(record.body));
      case RecordKind::kBlock: return begin_block(record.body);
      case RecordKind::kEvent: return take_event(record.body);
      case RecordKind::kLeftOut: return take_left_out(record.body);
      case RecordKind::kEnd: return finish(record.body);
    }
    return damaged("a record of no known kind");
  }

  template <class T>
  Status pass(const Result<T>& item) {
    if (!item) return std::unexpected(item.error());
    return visit_(*item);
  }

  Status take_head(std::string_view body) {
    auto head = parse_head(body);
    if (!head) return std::unexpected(head.error());
    summary_.head = *head;
    log::Hasher hasher;
    chain_ = log::genesis_of(head->store, hasher);
    return visit_(*head);
  }

  std::uint64_t missing() const { return block_.count - taken_; }

  Status begin_block(std::string_view body) {
    auto block = parse_block(body);
    if (!block) return std::unexpected(block.error());
    if (block->first < next_) return damaged("blocks that overlap");
    follows_ = block->first == next_;
    if (follows_ && block->previous != chain_) {
      return damaged("the block at event " + std::to_string(block->first) + " does not follow on the one before");
    }
    if (!follows_) ++summary_.gaps;
    block_ = *block;
    taken_ = 0;
    block_hash_.begin();
    block_hash_.add(log::as_bytes(block_.previous));
    ++summary_.blocks;
    return visit_(*block);
  }

  Status take_event(std::string_view body) {
    auto frame = parse_event(body);
    if (!frame) return std::unexpected(frame.error());
    frame->sequence = block_.first + taken_;
    const Event event{*frame, log::frame_digest(*frame, hasher_)};
    BANGER_TRY(place(event.digest));
    ++summary_.events;
    if (summary_.first == 0) summary_.first = frame->sequence;
    summary_.last = frame->sequence;
    BANGER_TRY(visit_(event));
    return end_block();
  }

  Status take_left_out(std::string_view body) {
    auto left = parse_left_out(body);
    if (!left) return std::unexpected(left.error());
    for (const Digest& digest : left->digests) {
      const Sequence sequence = block_.first + taken_;
      BANGER_TRY(place(digest));
      ++summary_.left_out;
      BANGER_TRY(visit_(Missing{sequence, digest}));
    }
    return end_block();
  }

  // The next place of the block is this event's.
  Status place(const Digest& digest) {
    if (missing() == 0) return damaged("an event outside of any block");
    block_hash_.add(log::as_bytes(digest));
    ++taken_;
    return {};
  }

  Status end_block() {
    if (missing() > 0) return {};
    if (block_hash_.finish() != block_.chain) {
      return damaged("the chain hash of the block at event " + std::to_string(block_.first) +
                     " does not follow from its events");
    }
    chain_ = block_.chain;
    next_ = block_.first + block_.count;
    if (next_ - 1 > summary_.head.head) return damaged("events behind the log's head");
    if (next_ - 1 == summary_.head.head) {
      if (chain_ != summary_.head.chain) return damaged("its last block is not the head that it names");
      summary_.reaches_head = true;
    }
    return visit_(BlockEnd{block_, follows_});
  }

  Status finish(std::string_view body) {
    auto end = parse_end(body);
    if (!end) return std::unexpected(end.error());
    if (whole_.finish() != end->digest) return damaged("its digest is wrong");
    ended_ = true;
    return {};
  }

  std::istream& in_;
  const Visitor& visit_;
  std::string buffer_;
  log::Hasher whole_;       // of every byte so far
  log::Hasher block_hash_;  // of the block so far
  log::Hasher hasher_;
  Summary summary_;
  BlockHead block_;
  std::uint32_t taken_ = 0;  // of the block's events
  bool follows_ = false;
  Sequence next_ = 1;  // behind the last block
  Digest chain_{};
  bool first_ = true;
  bool ended_ = false;
};

}  // namespace

Result<Summary> read_bundle(std::istream& in, const Visitor& visit) { return Pass(in, visit).run(); }

Result<Summary> read_bundle_file(const std::string& path, const Visitor& visit) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail_errno("open " + path, errno);
  auto summary = read_bundle(in, visit);
  if (!summary) return with_context(path, summary.error());
  return summary;
}

}  // namespace banger::bundle
