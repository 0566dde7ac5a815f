package supervisor

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/actors"
)

// process is the state that all batches of the process share. An actor system cannot be ended, so there is only one;
// nothing of a batch stays in it.
type process struct {
	system    *actor.ActorSystem
	records   *actor.Props  // of record actors
	groups    *actor.Props  // of group actors
	batches   atomic.Uint64 // names batches
	abandoned atomic.Int64  // handlers abandoned and still running
}

// shared holds the one process, from the first batch on.
var shared struct {
	once    sync.Once
	process *process
}

// theProcess returns the process. The first batch creates it with its actor system: importing troupe has no effects.
func theProcess() *process {
	shared.once.Do(func() { shared.process = newProcess(newSystem()) })
	return shared.process
}

func newProcess(system *actor.ActorSystem) *process {
	return &process{system: system, records: actors.RecordProps(), groups: actors.GroupProps()}
}

// guardian stops a batch supervisor that fails. protoactor-go would restart it, and so start every record again. There
// is only one value, because each strategy registers a process of its own, forever.
type guardian struct{}

func (guardian) HandleFailure(_ *actor.ActorSystem, supervisor actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, _, _ any) {
	supervisor.StopChildren(child)
}

// stillRunning counts the abandoned handlers of all batches that are still running in the process.
func stillRunning() int { return int(theProcess().abandoned.Load()) }
