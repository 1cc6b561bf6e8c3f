@0xda11011608a2c827;
# What bangerctl and bangerd say to each other, over a unix socket. Spoken, never stored.
# A refusal is an answer, not an exception: exceptions are for a broken connection or a bug.
# No message is larger than 1 MiB; what can be longer is read in pages.

using Cxx = import "/capnp/c++.capnp";
using E = import "event.capnp";
$Cxx.namespace("banger::schema");

# How the words begin by which a call fails that the caller's role does not allow, or by which the daemon ends a
# connection (an abort message) of somebody who has none. docs/SECURITY.md has the roles.
const notPermitted :Text = "not permitted: ";

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

  # The row of a VM or image as it was at some point, by the name, id or prefix of an id that it had then.
  stateAt @18 (point :Point, streamKind :UInt16, reference :Text)
      -> (reply :Reply, at :At, row :Data, parkedAt :UInt64, parkedReason :Text);
  # The rows of all that there was then, in pages, in the order of ids.
  statesAt @19 (point :Point, streamKind :UInt16, afterId :UInt64)
      -> (reply :Reply, at :At, rows :List(Data), lastId :UInt64, more :Bool);
  # HistoryRows of every stream that ever had this name, newest first, or else whose id begins so.
  findStreams @20 (streamKind :UInt16, reference :Text) -> (reply :Reply, rows :List(Data), more :Bool);
  # A page of the events that match, from `cursor` on (0: from the beginning, or with `reverse` from the end).
  # A page may be empty and not the last: so much was looked at in vain. `next` is the next page's cursor.
  search @21 (query :EventQuery, cursor :UInt64, knownActors :UInt32, knownBoots :UInt32)
      -> (reply :Reply, batch :EventBatch, next :UInt64, done :Bool, looked :UInt64);
  # What takes care of the log and of what is folded from it.
  logCare @22 () -> (care :LogCare);
}

struct Point {
  union {
    head @0 :Void;
    sequence @1 :UInt64;
    timeNs @2 :Int64;  # see projections/moment.h for what a time means where the clock was set back
  }
}
# What a point came to. Two numbers that differ: the clock was set back around then.
struct At {
  sequence @0 :UInt64;  # the state after this event
  timeNs @1 :Int64;     # when that was
  atLeast @2 :UInt64;
  atMost @3 :UInt64;
}

# All of what is set must hold.
struct EventQuery {
  hasStream @0 :Bool;
  streamKind @1 :UInt16;
  streamId @2 :UInt64;
  kinds @3 :List(UInt16);
  actor @4 :Text;           # a user, a client, or "user/client"
  correlation @5 :CommandId;
  firstSequence @6 :UInt64;  # 0: no bound
  lastSequence @7 :UInt64;
  sinceNs @8 :Int64;         # 0: no bound; both include it
  untilNs @9 :Int64;
  reverse @10 :Bool;
  limit @11 :UInt32;         # 0: what fits a page
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
  firstSequence @11 :UInt64;  # the oldest event that is kept
  disk @12 :Text;         # what new VMs' disks are, "qcow2" or "dm_snapshot", with why
  network @13 :Text;      # of bridged VMs: bridge and subnet, or why there can be none
  observer @14 :Text;     # how the host is looked at, "native" or "tools", with what it misses
  vmm @15 :Text;          # what new starts get, "qemu" or "firecracker", with why
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
  setOpen @8 :Bool;
  open @9 :Bool;
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
  shadowFolds @9 :UInt64;
  lastShadowFoldNs @10 :Int64;
  shadowFoldTo @11 :UInt64;
  driftedRows @12 :UInt64;
}

interface LogCare {
  head @0 () -> (head :LogHead);
  # Records of a bundle (docs/EVENT_LOG.md): `cursor` 0 begins, `next` is where to go on, 0 at the end. What is
  # interned comes before the first event of a part that needs it.
  bundlePart @1 (selection :BundleSelection, cursor :UInt64) -> (records :Data, next :UInt64);
  # Folds the log again and holds the stored rows against it; an empty name: of every projection.
  checkProjections @2 (name :Text) -> (reply :Reply, report :CheckReport);
  # Writes the rows anew, from the log.
  rebuildProjections @3 (name :Text) -> (reply :Reply, written :UInt64, sequence :UInt64);
  # A copy of the log as it is now, in a new directory on the daemon's host.
  backup @4 (directory :Text) -> (reply :Reply, sequence :UInt64);
  # Cuts out what was typed by people about one VM, which may be deleted.
  erase @5 (vmId :UInt64, name :Text) -> (reply :Reply, events :UInt64, sequence :UInt64);
  # Puts the log's oldest events, before an event or a time, into a file beside the database. `dryRun` only says
  # what it would do.
  archive @6 (before :Point, dryRun :Bool, progress :ProgressSink) -> (reply :Reply, archived :Archived);
  # Those that there are, oldest first.
  archives @7 () -> (archives :List(ArchiveState));
}
struct Archived {
  first @0 :UInt64;      # 0: there is nothing to archive
  last @1 :UInt64;
  blockBytes @2 :UInt64;
  file @3 :Text;         # of a dry run none of these three
  fileBytes @4 :UInt64;
  sequence @5 :UInt64;   # of the record
}
struct ArchiveState {
  first @0 :UInt64;
  last @1 :UInt64;
  bytes @2 :UInt64;
  digest @3 :Data;
  file @4 :Text;
  problem @5 :Text;  # why it cannot be read; empty: it can
}
struct CheckReport {
  sequence @0 :UInt64;  # everything up to here was folded
  projections @1 :List(CheckedProjection);
  rows @2 :List(DriftedRow);
  leftOut @3 :UInt64;   # drifted rows more than those did not fit
}
struct CheckedProjection { name @0 :Text; rows @1 :UInt64; drifted @2 :UInt64; bytes @3 :UInt64; }
struct DriftedRow { projection @0 :Text; key @1 :Data; stored @2 :Data; folded @3 :Data; }
struct LogHead {
  storeId @0 :Text;
  epoch @1 :UInt64;
  firstSequence @2 :UInt64;  # the oldest event that is still there
  sequence @3 :UInt64;
  chain @4 :Data;
}
# Events from `first` to `last` (0, 0: none), and those in `others`, which ascend and come before them.
struct BundleSelection {
  first @0 :UInt64;
  last @1 :UInt64;
  others @2 :List(UInt64);
  moreOthers @3 :Bool;  # more of them follow: nothing behind the last one is to be taken yet
}
