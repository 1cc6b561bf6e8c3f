// Errors of steps that all run, whatever came of those before: a teardown does what it can, and says all that it
// could not.
#pragma once

#include <string>

#include "events/result.h"

namespace banger::host {

class JoinedErrors {
 public:
  void add(const Status& step) {
    if (step) return;
    if (!message_.empty()) message_ += "; ";
    message_ += step.error().message;
    if (sys_errno_ == 0) sys_errno_ = step.error().sys_errno;
  }
  // All of them in one line, in the order in which they came, with the errno of the first that had one.
  [[nodiscard]] Status status() const {
    if (message_.empty()) return {};
    return fail(message_, sys_errno_);
  }

 private:
  std::string message_;
  int sys_errno_ = 0;
};

}  // namespace banger::host
