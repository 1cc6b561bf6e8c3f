@0xaa582cac7e201c62;
# The stored form of projection rows, which is also what the daemon serves: what is dumped is what is stored.
# Same rules of change as event.capnp. A change of what a row means is a new version of its projection.

using Cxx = import "/capnp/c++.capnp";
using E = import "event.capnp";
$Cxx.namespace("banger::schema");

struct VmRow {
  id @0 :UInt64;
  name @1 :Text;
  image @2 :UInt64;
  imageName @3 :Text;
  settings @4 :E.VmSettings;
  sshPort @5 :UInt16;
  removeAfterExec @6 :Bool;
  state @7 :UInt16;
  incarnation @8 :UInt32;
  fence @9 :UInt64;
  correlationHi @10 :UInt64;
  correlationLo @11 :UInt64;
  version @12 :UInt64;
  lastSequence @13 :UInt64;
  ready @14 :Bool;
  readyMissed @15 :Bool;
  readyAfterMs @16 :UInt64;
  startTimeoutMs @17 :UInt64;
  readyTimeoutMs @18 :UInt64;
  stopMode @19 :UInt16;
  stopTimeoutMs @20 :UInt64;
  thenStart @21 :Bool;
  lastError @22 :Text;
  createdAtNs @23 :Int64;
  changedAtNs @24 :Int64;
  execs @25 :List(OpenExec);
  guestIp @26 :Text;
  cutOff @27 :Bool;
}

struct OpenExec {
  id @0 :UInt64;
  started @1 :UInt64;
}

struct ImageRow {
  id @0 :UInt64;
  name @1 :Text;
  state @2 :UInt16;
  source @3 :UInt16;
  recipe @4 :Text;
  path @5 :Text;
  digest @6 :Data;
  virtualBytes @7 :UInt64;
  diskBytes @8 :UInt64;
  fence @9 :UInt64;
  correlationHi @10 :UInt64;
  correlationLo @11 :UInt64;
  version @12 :UInt64;
  lastSequence @13 :UInt64;
  lastError @14 :Text;
  createdAtNs @15 :Int64;
}

struct HostRow {
  bootHi @0 :UInt64;
  bootLo @1 :UInt64;
  kernelRelease @2 :Text;
  daemonVersion @3 :Text;
  version @4 :UInt64;
  lastSequence @5 :UInt64;
  reported @6 :List(Text);
  logEpoch @7 :UInt64;
}

struct ParkedRow {
  streamKind @0 :UInt16;
  streamId @1 :UInt64;
  sequence @2 :UInt64;
  reason @3 :Text;
}

# One stream's life: an index into the log, by which the deleted are still found by name.
struct HistoryRow {
  streamKind @0 :UInt16;
  streamId @1 :UInt64;
  name @2 :Text;
  firstSequence @3 :UInt64;
  lastSequence @4 :UInt64;  # 0 while it lives
  unusedEvents @5 :UInt64;  # of version 1: a count that changed with every event
  createdAtNs @6 :Int64;
  deletedAtNs @7 :Int64;  # 0 while it lives
}

# The log's times by chunks of 4,096 events: where to look for a moment. The clock may have been set back.
struct TimesRow {
  firstSequence @0 :UInt64;
  lastSequence @1 :UInt64;
  earliestNs @2 :Int64;
  latestNs @3 :Int64;
}

# Who was given a name, and when: by it a name is understood as it was at some moment.
struct NameRow {
  streamKind @0 :UInt16;
  streamId @1 :UInt64;
  name @2 :Text;
  sequence @3 :UInt64;
}
