// Finds out what doctor judges: from bangerd's reading of its configuration, from the host, and from
// the daemon where one answers. Changes nothing and starts nothing. What cannot be found out stays
// empty or becomes an `error` in the Facts; none of it fails as a whole.
#pragma once

#include "cli/bangerctl/context.h"
#include "cli/bangerctl/doctor/facts.h"

namespace banger::ctl::doctor {

// Configuration, data directory, socket: as a daemon would take them that is started now.
void gather_settings(const DaemonStart& start, Facts& facts);
// The daemon, its log and what it wants of the host. False where none answers.
bool gather_daemon(Session& session, Facts& facts);
// KVM, programs, room, modes, processes. After the two above: it looks at what they name.
void gather_host(Facts& facts);
// The log that no daemon has open, by banger-log. Nothing where there is none.
void gather_closed_log(Facts& facts);

// The VM of each process whose argv names an API socket below `vms_dir`.
struct VmmProcess {
  std::int32_t process = 0;
  std::string vm;  // 16 hex digits
};
[[nodiscard]] std::vector<VmmProcess> find_vmms(const std::string& vms_dir);

}  // namespace banger::ctl::doctor
