#include "drivers/rpc/promise.h"

#include <kj/exception.h>

namespace banger::rpc {

kj::Exception to_exception(const Error& error) {
  return kj::Exception(kj::Exception::Type::FAILED, __FILE__, __LINE__,
                       kj::heapString(error.message.data(), error.message.size()));
}

Error to_error(const kj::Exception& exception) {
  constexpr std::string_view kRemote = "remote exception: ";
  std::string message = exception.getDescription().cStr();
  if (message.starts_with(kRemote)) message.erase(0, kRemote.size());
  return {std::move(message)};
}

}  // namespace banger::rpc
