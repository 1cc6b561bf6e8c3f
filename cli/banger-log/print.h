// What banger-log found and did, as lines for a person or as one JSON object. Nothing here reads
// the log.
#pragma once

#include <string>

#include "events/log/maintain.h"

namespace banger::log {

enum class Output { kTable, kJson };

void print_report(const VerifyReport& report, Output output);
void print_stat(const LogStat& stat, Output output);
// `replaced` of nothing: the log was sound and was left alone.
void print_replaced(const std::optional<Replaced>& replaced, Output output);
void print_backup(const std::string& target, Output output);

}  // namespace banger::log
