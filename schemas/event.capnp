@0xe219897738964efe;
# The stored form of every event, as one canonical segment without a segment table. Rules of change:
# add fields with defaults and new union members at the end; never renumber, never reuse, never change a
# meaning (that is a new kind and an upcaster). tests/golden/events keeps bytes of every kind for ever.
# No `interface` here: programs that only read events must not need the RPC library.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("banger::schema");

struct Event {
  sequence @0 :UInt64;
  streamId @1 :UInt64;
  streamVersion @2 :UInt64;
  commandHi @3 :UInt64;
  commandLo @4 :UInt64;
  correlationHi @5 :UInt64;
  correlationLo @6 :UInt64;
  causation @7 :UInt64;
  timeNs @8 :Int64;
  actor @9 :UInt32;         # interned
  boot @10 :UInt32;         # interned
  streamKind @11 :UInt16;
  schemaVersion @12 :UInt16;

  payload :union {
    vmCreated @13 :VmCreated;
    vmStartRequested @14 :VmStartRequested;
    vmStopRequested @15 :VmStopRequested;
    vmDeleteRequested @16 :VmDeleteRequested;
    vmChanged @17 :VmChanged;
    vmStarted @18 :VmStarted;
    vmReady @19 :VmReady;
    vmReadyMissed @20 :VmReadyMissed;
    vmStartFailed @21 :VmStartFailed;
    vmStopped @22 :VmStopped;
    vmDied @23 :VmDied;
    vmHostRebooted @24 :VmHostRebooted;
    vmDeleted @25 :Void;
    vmPortReassigned @26 :VmPortReassigned;
    vmTearDownStalled @27 :VmTearDownStalled;
    driftCorrected @28 :DriftCorrected;
    execStarted @29 :ExecStarted;
    execFinished @30 :ExecFinished;
    imageRequested @31 :ImageRequested;
    imageReady @32 :ImageReady;
    imageFailed @33 :ImageFailed;
    imageDeleteRequested @34 :Void;
    imageDeleted @35 :Void;
    hostBooted @36 :HostBooted;
    daemonStarted @37 :DaemonStarted;
    daemonStopped @38 :Void;
    logEpochBegan @39 :LogEpochBegan;
    projectionDrifted @40 :ProjectionDrifted;
    personalErased @41 :PersonalErased;
    logArchived @42 :LogArchived;
    vmAddressAssigned @43 :VmAddressAssigned;
  }
}

# The part of an event that can be cut out of the log: what a person typed. The salt keeps its digest,
# which stays, from confirming a guess.
struct Personal {
  salt @0 :Data;
  argv @1 :List(Text);
  path @2 :Text;
}

struct PortForward {
  hostAddress @0 :Text;
  hostPort @1 :UInt16;
  guestPort @2 :UInt16;
  protocol @3 :UInt16;
  allocated @4 :Bool;
}

struct VmSettings {
  vcpus @0 :UInt32;
  memoryMib @1 :UInt64;
  diskMib @2 :UInt64;
  net @3 :UInt16;
  ports @4 :List(PortForward);
  autostart @5 :Bool;
  open @6 :Bool;
}

struct VmCreated {
  name @0 :Text;
  image @1 :UInt64;
  imageName @2 :Text;
  settings @3 :VmSettings;
  sshPort @4 :UInt16;
  removeAfterExec @5 :Bool;
}

struct VmStartRequested {
  incarnation @0 :UInt32;
  startTimeoutMs @1 :UInt64;
  readyTimeoutMs @2 :UInt64;
}

struct VmStopRequested {
  mode @0 :UInt16;
  timeoutMs @1 :UInt64;
  thenStart @2 :Bool;
}

struct VmDeleteRequested { force @0 :Bool; }
struct VmChanged { settings @0 :VmSettings; }

struct VmStarted {
  incarnation @0 :UInt32;
  adopted @1 :Bool;
}

struct VmReady {
  incarnation @0 :UInt32;
  afterMs @1 :UInt64;
}

struct VmReadyMissed {
  incarnation @0 :UInt32;
  timeoutMs @1 :UInt64;
}

struct VmStartFailed {
  incarnation @0 :UInt32;
  stage @1 :UInt16;
  message @2 :Text;
}

struct VmStopped {
  incarnation @0 :UInt32;
  by @1 :UInt16;
}

struct VmDied {
  incarnation @0 :UInt32;
  reason @1 :Text;
  cause @2 :UInt16;  # since schema version 2; events/upcast reads it out of the reason of older ones
  code @3 :UInt32;
}

struct VmHostRebooted { incarnation @0 :UInt32; }

struct VmAddressAssigned { address @0 :Text; }

struct VmPortReassigned {
  guestPort @0 :UInt16;
  busyPort @1 :UInt16;
  hostPort @2 :UInt16;
}

struct VmTearDownStalled { message @0 :Text; }

struct DriftCorrected {
  resource @0 :UInt16;
  condition @1 :UInt16;
  action @2 :UInt16;
  derivedName @3 :Text;
  why @4 :Text;
}

struct ExecStarted {
  exec @0 :UInt64;
  incarnation @1 :UInt32;
  tty @2 :Bool;
  timeoutMs @3 :UInt64;
}

struct ExecFinished {
  exec @0 :UInt64;
  outcome @1 :UInt16;
  code @2 :UInt32;
}

struct ImageRequested {
  name @0 :Text;
  source @1 :UInt16;
  recipe @2 :Text;
}

struct ImageReady {
  digest @0 :Data;
  virtualBytes @1 :UInt64;
  diskBytes @2 :UInt64;
}

struct ImageFailed { message @0 :Text; }

struct HostBooted {
  bootHi @0 :UInt64;
  bootLo @1 :UInt64;
  kernelRelease @2 :Text;
}

struct DaemonStarted { version @0 :Text; }

struct LogEpochBegan {
  number @0 :UInt64;
  reason @1 :UInt16;
  beginsAfter @2 :UInt64;
  anchored @3 :UInt64;
}

struct ProjectionDrifted {
  projection @0 :Text;
  rows @1 :UInt64;
  checkedTo @2 :UInt64;
  example @3 :Text;
}

struct PersonalErased {
  vm @0 :UInt64;
  name @1 :Text;
  events @2 :UInt64;
}

struct LogArchived {
  first @0 :UInt64;
  last @1 :UInt64;
  file @2 :Text;
  bytes @3 :UInt64;
  digest @4 :Data;  # SHA-256 of the file, 32 bytes
}
