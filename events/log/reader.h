// Reading a Store: what EventLog's const functions, its writer, open, verify and repair have in
// common. For this folder's other files only. It never writes; bytes that don't parse are an Error.
#pragma once

#include <optional>
#include <vector>

#include "events/log/event_log.h"
#include "events/log/keys.h"
#include "events/log/store.h"

namespace banger::log {

// Who a store is and how far it goes.
struct Identity {
  StoreId store;
  Epoch epoch;  // the current one
  Sequence head = 0;
  Digest chain{};
};

// Refuses a newer format and a last block whose chain hash doesn't fit.
[[nodiscard]] Result<Identity> read_identity(const Store& store);
// Is this the store that the anchor speaks of, and does it hold what the anchor promises?
[[nodiscard]] Status check_anchor(const Store& store, const Identity& identity,
                                  const std::optional<Anchor>& anchor);
[[nodiscard]] Anchor anchor_of(const Identity& identity);

[[nodiscard]] Result<std::vector<Epoch>> read_epochs(const Store& store);
[[nodiscard]] Result<Checkpoints> read_checkpoints(const Store& store,
                                                   const rocksdb::Snapshot* at = nullptr);
// 0 where the projection has none.
[[nodiscard]] Sequence checkpoint_of(const Checkpoints& checkpoints, std::string_view projection,
                                     std::uint32_t version);
// The bytes of the block that holds `sequence`, which the store must have.
[[nodiscard]] Result<std::string> find_block(const Store& store, Sequence sequence);
// 0 for a stream without events.
[[nodiscard]] Result<StreamVersion> last_version(const Store& store, StreamId stream);

}  // namespace banger::log
