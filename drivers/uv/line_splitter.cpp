#include "drivers/uv/line_splitter.h"

namespace banger::uv {

LineSplitter::LineSplitter(size_t max_line_bytes, Callback callback)
    : max_(max_line_bytes), callback_(std::move(callback)) {}

void LineSplitter::feed(std::string_view bytes) {
  for (size_t end; (end = bytes.find('\n')) != bytes.npos; bytes.remove_prefix(end + 1)) {
    append(bytes.substr(0, end));
    emit();
  }
  append(bytes);
}

void LineSplitter::finish() {
  if (!line_.empty()) emit();
}

void LineSplitter::append(std::string_view part) {
  line_.append(part.substr(0, max_ - line_.size()));
}

void LineSplitter::emit() {
  callback_(line_);
  line_.clear();
}

}  // namespace banger::uv
