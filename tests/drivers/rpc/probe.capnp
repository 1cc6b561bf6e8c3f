@0xe64bb9bd54e1f26c;
# What the tests of drivers/rpc ask of a server.
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("banger::rpc::test");

interface Probe {
  echo @0 (text :Text) -> (text :Text);
  # Answered when the server's test says so.
  slow @1 () -> (text :Text);
  # The same, and the client counts as busy meanwhile.
  slowHeld @2 () -> (text :Text);
  fail @3 (text :Text);
  throwStd @4 ();
  push @5 (count :UInt32, to :Listener);
  key @6 () -> (file :File);
  blob @7 (bytes :UInt32) -> (data :Data);
}

interface Listener {
  heard @0 (number :UInt32);
}

# A capability that carries a descriptor.
interface File {}
