#include "cli/bangerd/audit/questions.h"

#include "events/assert.h"

namespace banger::bangerd {

std::shared_ptr<const Interned> Questions::interned() {
  const auto news = runtime_.interned().after(kept_->last_actor(), kept_->last_boot());
  if (news.empty()) return kept_;
  // Workers may be reading the one that is kept. News are rare: a user, a client or a boot that the
  // log has never heard of.
  auto grown = std::make_shared<Interned>(*kept_);
  for (const InternedEntry& entry : news) BANGER_ASSERT(grown->load(entry));
  return kept_ = std::move(grown);
}

}  // namespace banger::bangerd
