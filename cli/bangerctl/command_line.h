// From argv to an exit code: finds the verb, runs it, and prints how it failed.
#pragma once

namespace banger::ctl {

[[nodiscard]] int run(int argc, char** argv);

}  // namespace banger::ctl
