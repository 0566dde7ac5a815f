package kafka

import (
	"github.com/troupe-go/troupe"
)

// Processor is the processor that New returns, for struct fields and parameters.
type Processor = troupe.Processor[Event, Response]

// New returns a processor for batches of a Kafka topic, of Amazon MSK or any other cluster. It takes the
// options of package troupe. Records of a partition are handled in order unless ByKey, troupe.WithGroup or
// troupe.WithoutOrder is set. A failure stops its group, the partition or key, unless another policy is
// set.
//
// A batch is in the order of topics by name, partitions by number, and offsets. troupe.Record.ID and
// troupe.Result.ID have the form of Record.ID, such as "orders-0@15".
//
// The bare array of an EventBridge pipe is accepted only with troupe.ErrorWhenAny: for Kafka, pipes have no partial
// batch response, and redeliver the whole batch after an error (SPEC S10).
//
// It panics if handler is nil or an option is invalid.
func New[M Record | troupe.Lazy[Record]](handler troupe.Handler[M], options ...troupe.Option) *Processor {
	p, err := troupe.NewProcessor(Source{}, Answer(), handler, options...)
	if err != nil {
		panic(err)
	}
	return p
}

// ByKey orders records by their key instead of their partition: records of a key are handled one at a time in
// batch order, and different keys of a partition overlap. The records that have no key, or an empty one, form one
// group. It is an option for New.
//
// Records are decoded before the first handler runs, since the key is in them. After a record that
// cannot be decoded no later record is started, since any of them might have its key (SPEC D6).
//
// Default: records are ordered by partition.
func ByKey() troupe.Option {
	return troupe.Named("kafka.ByKey", troupe.WithGroup(func(r Record) string { return string(r.Key) }))
}
