package supervisor

import (
	"log/slog"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
)

// process is what all batches of the process share. An actor system cannot be taken down again, so there is
// one; nothing of a batch stays in it.
type process struct {
	system    *actor.ActorSystem
	batches   atomic.Uint64 // names batches
	abandoned atomic.Int64  // handlers abandoned and still running
}

// theProcess is built while the program initialises, which is quick (see newSystem) and the one time at
// which nothing else runs.
var theProcess = &process{system: newSystem()}

// newSystem builds an actor system with a registry of one bucket, itself a map in 32 shards. That is plenty
// for a handful of actors at a time, and they stay in the processor's cache.
//
// protoactor makes 1,024 buckets of 32 maps each, which takes it 2 to 4 ms and 3 MB: a third of a cold start.
// The number of shards is a variable of the map's package. It is lowered for as long as protoactor takes,
// which does no harm to anybody: package initialisation is sequential.
func newSystem() *actor.ActorSystem {
	shards := cmap.SHARD_COUNT
	cmap.SHARD_COUNT = 1
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(slog.DiscardHandler) // troupe tells what there is to tell itself
	}))
	cmap.SHARD_COUNT = shards
	registry := system.ProcessRegistry
	registry.LocalPIDs.LocalPIDs = []cmap.ConcurrentMap{cmap.New()}
	registry.Add(system.DeadLetter, "deadletter")
	registry.Add(actor.NewEventStreamProcess(system), "eventstream")
	system.Root.WithGuardian(guardian{})
	return system
}

// guardian stops a batch supervisor that fails. protoactor would restart it, and with it start every record
// again. There is one value of it because each strategy registers a process of its own, for ever.
type guardian struct{}

func (guardian) HandleFailure(_ *actor.ActorSystem, supervisor actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	supervisor.StopChildren(child)
}

// stillRunning counts the abandoned handlers of all batches that are still running in the process.
func stillRunning() int { return int(theProcess.abandoned.Load()) }
