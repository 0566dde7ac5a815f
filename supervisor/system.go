package supervisor

import (
	"log/slog"
	"reflect"
	"strconv"
	"unsafe"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/eventstream"
	"github.com/asynkron/protoactor-go/extensions"
	cmap "github.com/orcaman/concurrent-map"
)

// newSystem returns an actor system with a small registry. protoactor's constructor makes a registry of 1,024 buckets of
// 32 maps each, which takes it 2 to 4 ms and 3 MB: a third of a cold start. So the system is assembled from protoactor's
// exported constructors. Where its type is not what it was, protoactor's constructor makes it. See ADR 0009.
func newSystem() *actor.ActorSystem {
	system := assembled()
	if system == nil {
		system = constructed()
	}
	system.Root.WithGuardian(guardian{})
	return system
}

// quiet is the logger of actor systems: troupe logs what there is to log itself.
func quiet(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }

// constructed returns an actor system that protoactor's constructor makes, with the small registry in place of its own.
func constructed() *actor.ActorSystem {
	system := actor.NewActorSystem(actor.WithLoggerFactory(quiet))
	system.ProcessRegistry.LocalPIDs = newBuckets()
	system.ProcessRegistry.Add(system.DeadLetter, "deadletter")
	system.ProcessRegistry.Add(actor.NewEventStreamProcess(system), "eventstream")
	return system
}

// assembled does what protoactor's constructor does, except for the size of the registry. It returns nil if the type has
// other private fields than it had when this was written.
func assembled() *actor.ActorSystem {
	if !asKnown(reflect.TypeFor[actor.ActorSystem]()) {
		return nil
	}
	system := &actor.ActorSystem{Config: actor.Configure(actor.WithLoggerFactory(quiet)), ID: "troupe"}
	logger := reflect.ValueOf(system).Elem().FieldByName("logger")
	*(**slog.Logger)(unsafe.Pointer(logger.UnsafeAddr())) = system.Config.LoggerFactory(system)
	// The order is the constructor's: some of these use those before them.
	system.ProcessRegistry = &actor.ProcessRegistryValue{ActorSystem: system, Address: address, LocalPIDs: newBuckets()}
	system.Root = actor.NewRootContext(system, actor.EmptyMessageHeader)
	system.Guardians = actor.NewGuardians(system)
	system.EventStream = eventstream.NewEventStream()
	system.DeadLetter = actor.NewDeadLetter(system)
	system.Extensions = extensions.NewExtensions()
	actor.SubscribeSupervision(system)
	system.Extensions.Register(actor.NewMetrics(system, system.Config.MetricsProvider))
	system.ProcessRegistry.Add(actor.NewEventStreamProcess(system), "eventstream")
	return system
}

// address is protoactor's for processes that are not on another host.
const address = "nonhost"

// asKnown reports whether a type has the private fields of actor.ActorSystem: the logger, which assembled sets, and
// the channel that Shutdown closes, which troupe never calls.
func asKnown(system reflect.Type) bool {
	for i := range system.NumField() {
		f := system.Field(i)
		known := f.IsExported() ||
			f.Name == "logger" && f.Type == reflect.TypeFor[*slog.Logger]() ||
			f.Name == "stopper" && f.Type == reflect.TypeFor[chan struct{}]()
		if !known {
			return false
		}
	}
	_, logs := system.FieldByName("logger")
	return logs
}

const (
	buckets    = 32  // each has a lock and a map, small enough that Go searches it without hashing
	mostShards = 256 // what cmap.SHARD_COUNT may be while batches run, or more if it is before the first
)

// newBuckets returns the maps of the registry. concurrent-map finds the shard of a key by cmap.SHARD_COUNT, which a
// program may change at any time. So all shards of a bucket are the same one, and each key stays where it is.
func newBuckets() *actor.SliceMap {
	shards := cmap.New()
	n := min(buckets, len(shards))
	if strconv.IntSize == 32 {
		n = 1 // protoactor makes a negative index of half of the keys if there are more
	}
	slots := max(mostShards, len(shards))
	all := make(cmap.ConcurrentMap, n*slots)
	registry := &actor.SliceMap{LocalPIDs: make([]cmap.ConcurrentMap, n)}
	for i := range registry.LocalPIDs {
		bucket := all[i*slots : (i+1)*slots]
		for j := range bucket {
			bucket[j] = shards[i]
		}
		registry.LocalPIDs[i] = bucket
	}
	return registry
}
