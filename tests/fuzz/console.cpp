// A guest's console: what is kept of it is what came last, and what is shown of it steers no terminal.
#include "drivers/vmm/console.h"

#include <filesystem>

#include "cli/bangerctl/terminal.h"
#include "tests/drivers/host/temp_dir.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {
namespace {

void check_kept(std::string_view bytes, std::size_t most, std::size_t piece) {
  static const test::TempDir directory;
  const std::string path = directory / "console.log";
  for (const auto& each : std::filesystem::directory_iterator(directory.path())) std::filesystem::remove(each);
  {
    auto log = vmm::CappedLog::open(path, most);
    BANGER_ASSERT(log.has_value());
    for (std::string_view rest = bytes; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size()))) {
      BANGER_ASSERT(log->append(rest.substr(0, piece)));
    }
  }
  const auto page = vmm::read_log(path, 0, bytes.size());
  BANGER_ASSERT(page && page->end == bytes.size() && page->bytes == bytes.substr(page->offset));
  BANGER_ASSERT(page->bytes.size() >= std::min(most, bytes.size()) && page->bytes.size() <= 2 * most);
}

void check_shown(std::string_view bytes) {
  const std::string line = ctl::escape(bytes);
  for (const unsigned char c : line) BANGER_ASSERT(c >= ' ' && c != 0x7f);
  BANGER_ASSERT(ctl::escape(line) == line);
  std::string shown = ctl::neutralise(bytes);
  std::erase_if(shown, [](char c) { return c == '\n' || c == '\t'; });
  BANGER_ASSERT(ctl::escape(shown) == shown);
}

}  // namespace

void fuzz_one(std::string_view bytes) {
  log::Reader input(bytes);
  const std::size_t most = input.le<std::uint8_t>() + std::size_t{1};
  const std::size_t piece = input.le<std::uint8_t>() + std::size_t{1};
  check_kept(input.rest(), most, piece);
  check_shown(input.rest());
}

}  // namespace banger::fuzz
