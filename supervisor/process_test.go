package supervisor

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
	"github.com/stretchr/testify/assert"
)

// The registry that takes the place of protoactor's own has what protoactor expects in it, in one bucket of as many
// shards as the map's package has it; and the package is left as it was.
func TestTheSmallRegistryHasWhatProtoactorExpects(t *testing.T) {
	shards := cmap.SHARD_COUNT
	system := newSystem()
	assert.Equal(t, shards, cmap.SHARD_COUNT)
	assert.Len(t, system.ProcessRegistry.LocalPIDs.LocalPIDs, 1)
	for _, name := range []string{"deadletter", "eventstream"} {
		process, there := system.ProcessRegistry.Get(actor.NewPID(system.Address(), name))
		assert.True(t, there, name)
		assert.NotNil(t, process, name)
	}
	process, _ := system.ProcessRegistry.Get(actor.NewPID(system.Address(), "deadletter"))
	assert.Same(t, system.DeadLetter, process)
}
