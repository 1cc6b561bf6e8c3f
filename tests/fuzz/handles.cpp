// handles.json. What is read of it is read again where it is written again.
#include "drivers/observe/handles_file.h"

#include "tests/drivers/host/temp_dir.h"
#include "tests/fuzz/fuzz.h"

namespace banger::fuzz {

void fuzz_one(std::string_view bytes) {
  static const test::TempDir directory;
  const std::string path = directory / "handles.json";
  put_file(path, bytes);
  const auto handles = observe::read_handles(path);
  if (!handles) return;
  BANGER_ASSERT(handles->has_value());
  BANGER_ASSERT(observe::write_handles(path, **handles));
  const auto again = observe::read_handles(path);
  BANGER_ASSERT(again && *again == *handles);
}

}  // namespace banger::fuzz
