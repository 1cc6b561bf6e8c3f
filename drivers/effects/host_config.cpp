#include "drivers/effects/host_config.h"

namespace banger::effects {

std::string_view name_of(AccelChoice choice) {
  switch (choice) {
    case AccelChoice::kAuto: return "auto";
    case AccelChoice::kKvm: return "kvm";
    case AccelChoice::kTcg: return "tcg";
  }
  return {};
}

std::string_view name_of(VmmChoice choice) {
  switch (choice) {
    case VmmChoice::kAuto: return "auto";
    case VmmChoice::kQemu: return "qemu";
    case VmmChoice::kFirecracker: return "firecracker";
  }
  return {};
}

}  // namespace banger::effects
