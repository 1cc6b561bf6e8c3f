// LineSplitter: cuts a stream of bytes into lines for a callback, with bounded memory: of a line
// longer than the limit the beginning is given and the rest dropped. Used for the progress of
// builds and for logs. It does not interpret the bytes: whoever shows them must escape them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace banger::uv {

class LineSplitter {
 public:
  using Callback = std::function<void(std::string_view line)>;  // without the newline

  LineSplitter(size_t max_line_bytes, Callback callback);
  void feed(std::string_view bytes);
  void finish();  // gives the last line if it had no newline

 private:
  void append(std::string_view part);
  void emit();
  size_t max_;
  Callback callback_;
  std::string line_;
};

}  // namespace banger::uv
