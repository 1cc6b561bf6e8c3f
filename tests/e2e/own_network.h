// A network of the test program's own, for it and all that it starts: no packet of these tests ever leaves it, and it
// goes with the last of their processes. Its resolver is 127.0.0.1, as far as its programs can tell.
#pragma once

namespace banger::e2e {

// Once for the whole program; again does nothing. Takes root.
void enter_own_network();

}  // namespace banger::e2e
