@0xda11011608a2c827;
# What bangerctl and bangerd say to each other, over a unix socket. Spoken, never stored.
# A refusal is an answer, not an exception: exceptions are for a broken connection or a bug.
# No message is larger than 1 MiB; what can be longer is read in pages.

using Cxx = import "/capnp/c++.capnp";
using E = import "event.capnp";
$Cxx.namespace("banger::schema");

interface Control {
  # Client names itself for the actor of its events ("bangerctl 0.1.0"); first call on every connection.
  hello @0 (client :Text) -> (info :DaemonInfo);

  # One intent. The same command id with the same intent gives the first answer again and has no second effect.
  submit @1 (commandId :CommandId, intent :Intent) -> (reply :Reply);

  # Lets a command (or a shell, where argv is empty) into a guest, once that is recorded. The key comes as a
  # descriptor on `key`; dropping `lease` without finish() makes the exec lost after a grace period.
  openExec @2 (commandId :CommandId, vm :Text, argv :List(Text), tty :Bool, timeoutMs :UInt64)
      -> (reply :Reply, exec :UInt64, vmId :UInt64, access :GuestAccess, key :KeyFile, lease :ExecLease);
  # Takes up an exec again after the connection was lost; a null lease where it is over already.
  resumeExec @3 (vmId :UInt64, exec :UInt64) -> (open :Bool, lease :ExecLease);

  # One VM by name, id or prefix, with what is derived from its id and what the host holds for it now.
  vm @4 (vm :Text) -> (reply :Reply, details :VmDetails);
  # Waits until the stream has an event after `afterSequence`, or has ended, or the time is up.
  awaitStream @5 (streamKind :UInt16, streamId :UInt64, afterSequence :UInt64, timeoutMs :UInt64)
      -> (changed :Bool, lastSequence :UInt64, exists :Bool);
  # Bytes of a VM's console log. `offset` past the end gives nothing; one before the oldest kept byte
  # (logs are capped) starts there.
  console @6 (vm :Text, offset :UInt64, maxBytes :UInt32)
      -> (reply :Reply, offset :UInt64, data :Data, size :UInt64);

  # Stored rows, as they are stored, in key order from after `afterKey`. See schemas/projection.capnp.
  projections @7 () -> (projections :List(ProjectionInfo));
  projectionRows @8 (name :Text, afterKey :Data, limit :UInt32)
      -> (reply :Reply, rows :List(ProjectionRow), more :Bool);

  # Events from `from` on, whole frames, up to maxBytes; `knownActors` and `knownBoots` are how many interned
  # entries the client has, so that only new ones are sent. nextSequence is where to go on: where very many
  # interned entries are new, some come alone, and nextSequence is `from` again.
  events @9 (from :UInt64, maxBytes :UInt32, knownActors :UInt32, knownBoots :UInt32)
      -> (batch :EventBatch);
  # Every event from `from` on, as it becomes durable, until the client drops `handle`.
  follow @10 (from :UInt64, sink :EventSink) -> (handle :Handle);
  # Sequences of one stream's events, from stream version `fromVersion`.
  streamEvents @11 (streamKind :UInt16, streamId :UInt64, fromVersion :UInt64, limit :UInt32)
      -> (sequences :List(UInt64));

  verify @12 (progress :ProgressSink) -> (report :VerifyReport);
  # `leftOut` lines more did not fit.
  reconcilePlan @13 () -> (lines :List(PlanLine), leftOut :UInt32);
  reconcileStatus @14 () -> (status :ReconcileStatus);
  # Lines that the making of an image prints, from line `fromLine` on; waits for more up to timeoutMs.
  imageProgress @15 (imageId :UInt64, fromLine :UInt64, timeoutMs :UInt64)
      -> (lines :List(Text), nextLine :UInt64, running :Bool);

  # Ends the daemon; VMs go on. Answers once the log is closed to new intents.
  stop @16 () -> ();
  # Does nothing: a client that only listens stays connected by it, and benchmarks count it.
  ping @17 () -> ();
}

struct CommandId { hi @0 :UInt64; lo @1 :UInt64; }

struct DaemonInfo {
  version @0 :Text;
  pid @1 :Int32;
  storeId @2 :Text;
  dataDir @3 :Text;
  socket @4 :Text;
  startedAtNs @5 :Int64;
  headSequence @6 :UInt64;
  epoch @7 :UInt64;
  accelerator @8 :Text;   # "kvm", or "tcg" with why
  lowWater @9 :Bool;      # the disk is nearly full: only deletes are taken
  configFile @10 :Text;   # empty where there is none
}

struct Intent {
  union {
    createVm @0 :CreateVm;
    startVm @1 :Text;
    stopVm @2 :StopVm;
    restartVm @3 :StopVm;
    deleteVm @4 :DeleteVm;
    setVm @5 :SetVm;
    makeImage @6 :MakeImage;
    deleteImage @7 :Text;
  }
}

struct CreateVm {
  name @0 :Text;
  image @1 :Text;
  settings @2 :E.VmSettings;
  start @3 :Bool;
  removeAfterExec @4 :Bool;
}
struct StopVm { vm @0 :Text; forced @1 :Bool; timeoutMs @2 :UInt64; }
struct DeleteVm { vm @0 :Text; force @1 :Bool; }
struct SetVm {
  vm @0 :Text;
  # 0 or an absent flag: as it is.
  vcpus @1 :UInt32;
  memoryMib @2 :UInt64;
  diskMib @3 :UInt64;
  setPorts @4 :Bool;
  ports @5 :List(E.PortForward);
  setAutostart @6 :Bool;
  autostart @7 :Bool;
}
struct MakeImage { name @0 :Text; recipe @1 :Text; importPath @2 :Text; }

struct Reply {
  union {
    accepted @0 :Accepted;
    refused @1 :Refused;
  }
}
struct Accepted {
  streamKind @0 :UInt16;
  streamId @1 :UInt64;
  firstSequence @2 :UInt64;  # of its events; 0 where nothing had to change
  lastSequence @3 :UInt64;
}
struct Refused { kind @0 :UInt16; message @1 :Text; hint @2 :Text; }

struct GuestAccess {
  host @0 :Text;
  port @1 :UInt16;
  user @2 :Text;
  hostKey @3 :Text;  # one line, "ssh-ed25519 AAAA...": the only key that may answer
}
interface KeyFile {}     # its descriptor is the VM's client key, open for reading
interface ExecLease { finish @0 (outcome :UInt16, code :UInt32) -> (); }
interface Handle {}

struct VmDetails {
  row @0 :Data;            # VmRow, as stored
  dir @1 :Text;
  apiSocket @2 :Text;
  overlay @3 :Text;
  consoleLog @4 :Text;
  handlesFile @5 :Text;
  dnsName @6 :Text;
  guestIp @7 :Text;
  # Handles, as last verified against the host; pid 0 where there is no process.
  pid @8 :Int32;
  processSinceNs @9 :Int64;
  diskUsedBytes @10 :UInt64;
}

struct ProjectionInfo { name @0 :Text; version @1 :UInt32; checkpoint @2 :UInt64; about @3 :Text; }
struct ProjectionRow { key @0 :Data; value @1 :Data; }

struct InternedEntry { table @0 :UInt8; number @1 :UInt32; bytes @2 :Data; }
struct EventBytes { open @0 :Data; personal @1 :Data; erased @2 :Bool; digest @3 :Data; }
struct EventBatch {
  interned @0 :List(InternedEntry);
  events @1 :List(EventBytes);
  nextSequence @2 :UInt64;
  headSequence @3 :UInt64;
}
interface EventSink { push @0 (batch :EventBatch) -> (); }
interface ProgressSink { report @0 (done :UInt64, total :UInt64) -> (); }

struct VerifyReport {
  ok @0 :Bool;
  events @1 :UInt64;
  blocks @2 :UInt64;
  headSequence @3 :UInt64;
  chain @4 :Text;
  problems @5 :List(Text);
  elapsedMs @6 :UInt64;
}

struct PlanLine {
  subject @0 :Text;     # "vm web"
  id @1 :Text;
  desired @2 :Text;
  observed @3 :Text;
  action @4 :Text;      # empty: as it should be
  underWay @5 :Text;
}
struct ReconcileStatus {
  observations @0 :UInt64;
  lastObservationNs @1 :Int64;
  lastDurationUs @2 :UInt64;
  tickMs @3 :UInt64;
  inFlight @4 :UInt32;
  held @5 :UInt32;
  corrections @6 :UInt64;
  parked @7 :UInt32;
  lastError @8 :Text;
}
