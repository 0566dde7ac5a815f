package supervisor

import (
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/messages"
)

func TestMain(m *testing.M) {
	if shared.process != nil {
		fmt.Println("there is an actor system before the first batch")
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var systems = map[string]func() *actor.ActorSystem{"assembled": assembled, "constructed": constructed}

// The assembled system has all that protoactor's constructor gives one, except for the channel that Shutdown closes.
func TestTheAssembledSystemIsLikeProtoactors(t *testing.T) {
	ours, theirs := assembled(), actor.NewActorSystem(actor.WithLoggerFactory(quiet))
	require.NotNil(t, ours)
	is, want := reflect.ValueOf(ours).Elem(), reflect.ValueOf(theirs).Elem()
	for i := range want.NumField() {
		name := want.Type().Field(i).Name
		assert.Equal(t, !want.Field(i).IsZero() && name != "stopper", !is.Field(i).IsZero(), name)
	}
	assert.Equal(t, theirs.Address(), ours.Address())
	assert.Equal(t, theirs.EventStream.Length(), ours.EventStream.Length())
	assert.Equal(t, theirs.Extensions, ours.Extensions)
	assert.Same(t, ours, ours.Root.ActorSystem())
	assert.Same(t, ours, ours.ProcessRegistry.ActorSystem)
	assert.False(t, ours.IsStopped())
	assert.NotNil(t, ours.Logger())
}

func TestASystemHasASmallRegistryWithWhatProtoactorExpects(t *testing.T) {
	for name, newOne := range systems {
		t.Run(name, func(t *testing.T) {
			system := newOne()
			assert.Len(t, system.ProcessRegistry.LocalPIDs.LocalPIDs, buckets)
			for _, name := range []string{"deadletter", "eventstream"} {
				process, there := system.ProcessRegistry.Get(actor.NewPID(system.Address(), name))
				assert.True(t, there, name)
				assert.NotNil(t, process, name)
			}
			process, _ := system.ProcessRegistry.Get(actor.NewPID(system.Address(), "deadletter"))
			assert.Same(t, system.DeadLetter, process)
		})
	}
}

// Either system runs a batch with failures and retries, and keeps nothing of it.
func TestEitherSystemRunsABatch(t *testing.T) {
	for name, newOne := range systems {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProcess(newOne())
				p.system.Root.WithGuardian(guardian{})
				b := batchOf(50, 5, func(a *messages.Attempt) error {
					if a.Index == 7 || a.Index == 8 && a.Number == 1 {
						panic(errHandler)
					}
					return nil
				})
				cfg := &Config{Concurrency: 4, Retry: batch.Retry{Times: 1, Base: time.Second, Max: time.Second, Panics: true}}
				l := newLedger(invocationOf(t.Context(), time.Time{}), cfg, b, p)
				spawn(l)
				l.waitUntilClosed(time.Time{})
				synctest.Wait()
				r := l.report()
				assert.Equal(t, []int{49, 1}, []int{r.Succeeded, r.Failed})
				assert.Equal(t, 3, registeredIn(p.system), "deadletter, eventstream and the guardian")
			})
		})
	}
}

// The private field that is set, and others that would have to be set as well, are protoactor's to change. Then its
// constructor is called.
func TestASystemIsAssembledOnlyIfItsTypeIsKnown(t *testing.T) {
	assert.True(t, asKnown(reflect.TypeFor[actor.ActorSystem]()), "the version that go.mod names")
	for name, system := range map[string]any{
		"no logger":       struct{ ID string }{},
		"another logger":  struct{ logger slog.Logger }{},
		"an exported one": struct{ Logger *slog.Logger }{},
		"one more field":  struct{ logger, audit *slog.Logger }{},
		"another stopper": struct {
			logger  *slog.Logger
			stopper func()
		}{},
		"a mutex besides": struct {
			logger *slog.Logger
			mu     chan struct{}
		}{},
	} {
		assert.False(t, asKnown(reflect.TypeOf(system)), name)
	}
	assert.True(t, asKnown(reflect.TypeFor[struct {
		ID     string
		logger *slog.Logger
	}]()))
}

// cmap.SHARD_COUNT is a variable that a program may set. Whatever it is, what has been registered is found and removed.
func TestTheRegistryDoesNotDependOnTheNumberOfShards(t *testing.T) {
	defer func(before int) { cmap.SHARD_COUNT = before }(cmap.SHARD_COUNT)
	for _, first := range []int{1, 7, 32, 1000} {
		cmap.SHARD_COUNT = first
		system := assembled()
		for _, count := range []int{1, 7, 32, mostShards, first} {
			cmap.SHARD_COUNT = count
			for i := range 100 {
				_, added := system.ProcessRegistry.Add(system.DeadLetter, fmt.Sprint(count, "/", i))
				require.True(t, added)
			}
			for _, later := range []int{7, 1, mostShards} {
				cmap.SHARD_COUNT = later
				for i := range 100 {
					_, there := system.ProcessRegistry.Get(system.NewLocalPID(fmt.Sprint(count, "/", i)))
					require.True(t, there, "%d, then %d, then %d", first, count, later)
				}
			}
			for i := range 100 {
				cmap.SHARD_COUNT = 1 + i
				system.ProcessRegistry.Remove(system.NewLocalPID(fmt.Sprint(count, "/", i)))
			}
			require.Equal(t, 2, registeredIn(system))
		}
	}
}

// BenchmarkSystem is what ADR 0009 compares.
func BenchmarkSystem(b *testing.B) {
	for name, newOne := range systems {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				newOne()
			}
		})
	}
}
