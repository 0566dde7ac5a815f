package window

import (
	"errors"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// batch is a batch of a window as it came: in bytes, or decoded.
type batch[T any] struct {
	payload []byte
	records []T
	shard   string
}

// shard reads batches as one group, so that a state can go from record to record. E is the source's own event
// type.
type shard[E, T any] struct {
	source sources.Reader[E, T]
	event  func(records []T) E
}

func (s shard[E, T]) Kind() messages.Source { return s.source.Kind() }

// Read reads a batch. Its group is the shard's, whatever the grouping says: Accept has seen to that.
func (s shard[E, T]) Read(b batch[T], _ sources.Grouping[T]) (*sources.Batch[T], error) {
	var (
		read      *sources.Batch[T]
		err       error
		unordered = sources.Grouping[T]{Off: true}
	)
	if b.payload != nil {
		read, err = s.source.Decode(b.payload, unordered)
	} else {
		read, err = s.source.Read(s.event(b.records), unordered)
	}
	if err != nil {
		return nil, err
	}
	read.Ordered = true
	for i := range read.Results {
		read.Results[i].Group = b.shard
	}
	return read, nil
}

// Decode is Read for an event of which nothing but its bytes is known.
func (s shard[E, T]) Decode(payload []byte, g sources.Grouping[T]) (*sources.Batch[T], error) {
	return s.Read(batch[T]{payload: payload}, g)
}

// Accept refuses the options by which a record could be folded after one before it has failed.
func (s shard[E, T]) Accept(c sources.Choices) error {
	switch {
	case c.Policy != 0 && c.Policy != messages.StopBatch:
		return errors.New("troupe: the policy " + c.Policy.String() + " was given for a window; allowed is Stop, which is the default: the state covers the records before the first failed one")
	case c.Decider:
		return errors.New("troupe: WithDecider was given for a window, where the first failure always stops the batch")
	case c.Unordered:
		return errors.New("troupe: WithoutOrder was given for a window, whose records are folded in order")
	case c.Group:
		return errors.New("troupe: WithGroup was given for a window, where the shard is the one group")
	}
	return nil
}

// identifiers is the answer of the processor inside: what has failed, in batch order.
func identifiers() response.Answer[[]string] {
	return response.Answer[[]string]{
		Typed: func(ids []string) []string { return ids },
		JSON:  response.Encode,
		// The records before the first that failed have succeeded, and none behind it: it is the lowest.
		Lowest: func(ids []string) []string { return ids[:min(len(ids), 1)] },
	}
}

// options puts Stop first, so that it beats the variables of the environment. What is derived for a window is
// Stop too, and not what is derived for streams otherwise.
func options(given []troupe.Option) []troupe.Option {
	all := []troupe.Option{troupe.Stop}
	for _, o := range given {
		if policy, ok := o.(troupe.Policy); !ok || policy != troupe.Derive {
			all = append(all, o)
		}
	}
	return all
}
