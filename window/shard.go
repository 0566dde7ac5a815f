package window

import (
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// arrived is a batch of a window as received: as bytes, or decoded.
type arrived[T any] struct {
	payload []byte
	records []T
	shard   string
}

// shard reads batches as one group, so that the state passes from record to record. E is the source's event
// type.
type shard[E, T any] struct {
	source sources.Reader[E, T]
	event  func(records []T) E
}

func (s shard[E, T]) Kind() batch.Source { return s.source.Kind() }

// Read reads a batch, whose one group is the shard.
func (s shard[E, T]) Read(a arrived[T]) (*sources.Batch[T], error) {
	var (
		b   *sources.Batch[T]
		err error
	)
	if a.payload != nil {
		b, err = s.source.Decode(a.payload)
	} else {
		b, err = s.source.Read(s.event(a.records))
	}
	if err != nil {
		return nil, err
	}
	b.Group = func(int) (string, bool) { return a.shard, true }
	b.Handling = batch.Fold
	return b, nil
}

// Decode reads the bytes of an event.
func (s shard[E, T]) Decode(payload []byte) (*sources.Batch[T], error) {
	return s.Read(arrived[T]{payload: payload})
}

// Limits refuses the options that could fold a record after a failed one.
func (s shard[E, T]) Limits() sources.Limits {
	return sources.Limits{
		Policy:         batch.StopBatch,
		Why:            "the state of a window covers the records before the first failed one",
		NotAnEvent:     sources.WithoutRecords,
		NoDecider:      "the first failure of a window always stops the batch",
		NoWithoutOrder: "the records of a window are folded in order",
		NoGroup:        "the shard is the one group of a window",
		NoLastResort:   "a record that is left out of a window would be missing from its state",
		NoRedelivery:   "a window is redelivered from its first failed record",
	}
}

// identifiers is the response of the inner processor: the failed records in batch order.
func identifiers() response.Answer[[]string] {
	return response.AnswerOf(
		func(ids []string) []string { return ids },
		// The records before the first failure have succeeded, and no later one has: it is the lowest.
		func(ids []string) []string { return ids[:min(len(ids), 1)] },
	)
}
