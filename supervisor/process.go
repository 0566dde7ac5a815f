package supervisor

import (
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// process is what all batches of the process share. An actor system takes milliseconds and megabytes to
// build and cannot be taken down again, so there is one; nothing of a batch stays in it.
type process struct {
	system    *actor.ActorSystem
	batches   atomic.Uint64 // names batches
	abandoned atomic.Int64  // handlers abandoned and still running
}

var theProcess = sync.OnceValue(func() *process {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler) // troupe tells what there is to tell itself
	}))
	system.Root.WithGuardian(guardian{})
	compact(system.ProcessRegistry)
	return &process{system: system}
})

// compact leaves the registry of processes one of its 1,024 buckets, itself a map in 32 shards. That is
// plenty for a handful of actors at a time, and they stay in the processor's cache: an entry is made and
// removed for every record, and a bucket that has not been touched for a while costs several times as much.
func compact(r *actor.ProcessRegistryValue) {
	kept := map[string]actor.Process{}
	for _, id := range []string{"deadletter", "eventstream"} {
		if p, ok := r.GetLocal(id); ok {
			kept[id] = p
		}
	}
	r.LocalPIDs.LocalPIDs = append(r.LocalPIDs.LocalPIDs[:0:0], r.LocalPIDs.LocalPIDs[0])
	for id, p := range kept {
		r.Add(p, id)
	}
}

// Warm builds what Run needs of the process, unless it is there already, so that the first batch does not
// have to wait for it. It blocks while it builds.
func Warm() { theProcess() }

// guardian stops a batch supervisor that fails. protoactor would restart it, and with it start every record
// again. There is one value of it because each strategy registers a process of its own, for ever.
type guardian struct{}

func (guardian) HandleFailure(_ *actor.ActorSystem, supervisor actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	supervisor.StopChildren(child)
}

// stillRunning counts the abandoned handlers of all batches that are still running in the process.
func stillRunning() int { return int(theProcess().abandoned.Load()) }
