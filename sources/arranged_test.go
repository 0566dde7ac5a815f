package sources

import "github.com/troupe-go/troupe/batch"

// arranged is a Batch with its groups read, as package troupe arranges it without options.
type arranged[T any] struct {
	Results []batch.Result
	Ordered bool
	FIFO    bool
	Barrier int
	Record  func(int) (T, error)
	Payload func(int) ([]byte, error)
	Images  func(int) (Images, bool)
}

// arrange reads the groups of a batch.
func arrange[T any](b *Batch[T], err error) (*arranged[T], error) {
	if err != nil {
		return nil, err
	}
	a := &arranged[T]{
		Results: make([]batch.Result, len(b.IDs)), Ordered: b.Group != nil, FIFO: b.Ordered == batch.StopBatch && b.Unordered == batch.StopBatch,
		Barrier: len(b.IDs), Record: b.Open, Payload: b.Payload, Images: b.Images,
	}
	for i, id := range b.IDs {
		a.Results[i].ID = id
		if b.Group == nil {
			continue
		}
		group, ok := b.Group(i)
		if a.Results[i].Group = group; !ok {
			a.Barrier = min(a.Barrier, i)
		}
	}
	return a, nil
}
