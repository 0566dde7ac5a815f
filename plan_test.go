package troupe

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/sources"
)

var errUndecodable = &batch.DecodeError{Field: "body", Offset: -1}

// opened are the records of these tests: their index, but that record 2 cannot be decoded.
func opened(i int) (int, error) {
	if i == 2 {
		return 0, errUndecodable
	}
	return i, nil
}

// SPEC P4, O3: order, groups, barrier and policy follow from what the source says and from the options.
func TestABatchIsArrangedByItsSourceAndTheOptions(t *testing.T) {
	ids := []string{"1", "1", "2", "3"}
	alternating := func(i int) (string, bool) { return fmt.Sprint(i % 2), i != 2 }
	stream := &sources.Batch[int]{IDs: ids, Open: opened, Group: alternating}
	standard := &sources.Batch[int]{IDs: ids, Open: opened}
	fifo := &sources.Batch[int]{IDs: ids, Open: opened, Group: alternating, Ordered: StopBatch, Unordered: StopBatch}
	all := func(int) string { return "all" }
	const none = -1
	for name, c := range map[string]struct {
		b       *sources.Batch[int]
		a       arrangement[int]
		barrier int
		policy  Policy
		groups  []string
	}{
		"stream":                         {stream, arrangement[int]{}, 2, StopGroup, []string{"0", "1", "0", "1"}},
		"stream, Continue":               {stream, arrangement[int]{policy: Continue}, 2, Continue, []string{"0", "1", "0", "1"}},
		"stream, no order":               {stream, arrangement[int]{unordered: true}, none, Continue, nil},
		"stream, no order, by":           {stream, arrangement[int]{unordered: true, by: all}, none, Continue, nil},
		"stream, by":                     {stream, arrangement[int]{by: all}, 2, StopGroup, []string{"all", "all", "", ""}},
		"standard":                       {standard, arrangement[int]{}, none, Continue, nil},
		"standard, by":                   {standard, arrangement[int]{by: all}, 2, Continue, []string{"all", "all", "", ""}},
		"FIFO":                           {fifo, arrangement[int]{}, 2, StopBatch, []string{"0", "1", "0", "1"}},
		"FIFO, no order":                 {fifo, arrangement[int]{unordered: true}, none, StopBatch, nil},
		"window, a variable loses":       {stream, arrangement[int]{policy: Continue, limits: sources.Limits{Policy: StopBatch}}, 2, StopBatch, []string{"0", "1", "0", "1"}},
		"the zero Batch is harmless":     {&sources.Batch[int]{}, arrangement[int]{}, none, Continue, nil},
		"the zero Batch, by, is as well": {&sources.Batch[int]{}, arrangement[int]{by: all}, none, Continue, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := c.a.arrange(t.Context(), c.b, queue)
			require.NoError(t, err)
			assert.Equal(t, c.groups != nil, p.Ordered)
			if c.barrier == none {
				c.barrier = len(c.b.IDs)
			}
			assert.Equal(t, c.barrier, p.Barrier)
			assert.Equal(t, c.policy, p.Policy)
			for i := range p.Results {
				assert.Equal(t, c.b.IDs[i], p.Results[i].ID)
				if p.Ordered {
					assert.Equal(t, c.groups[i], p.Results[i].Group)
				} else {
					assert.Empty(t, p.Results[i].Group)
				}
			}
			assert.Equal(t, c.b.IDs, p.IDs)
			for i := range p.Barrier {
				if i == 2 {
					continue
				}
				record, err := p.Open(i)
				require.NoError(t, err)
				assert.Equal(t, i, record)
			}
			if p.Barrier < len(p.IDs) {
				_, err := p.Open(p.Barrier)
				assert.ErrorIs(t, err, ErrUndecodable)
			}
		})
	}
}

// queue is the source of these batches.
const queue Source = "sqs"

// SPEC S5: the root refuses what a careless Reader returns: nobody could report a record without an identifier, and
// nobody could handle one without Open.
func TestACarelessReaderIsRefused(t *testing.T) {
	a := &arrangement[int]{}
	_, err := a.arrange(t.Context(), &sources.Batch[int]{IDs: []string{"1", ""}, Open: opened}, queue)
	assert.EqualError(t, err, "troupe: the sqs Reader returned no identifier for record 1, so that its failure could not be reported")
	_, err = a.arrange(t.Context(), &sources.Batch[int]{IDs: []string{"1"}}, queue)
	assert.EqualError(t, err, "troupe: the sqs Reader returned 1 records without Open; this is a fault of the Reader")
}

// SPEC D2, D6: a group function that panics, ends its goroutine or does not return costs records, never the response.
func TestAGroupFunctionIsContained(t *testing.T) {
	cause := errors.New("no such tenant")
	ids := []string{"1", "2", "3"}
	for name, c := range map[string]struct {
		misbehave func()
		is        []error
	}{
		"panic":  {func() { panic(cause) }, []error{cause, ErrPanic}},
		"Goexit": {runtime.Goexit, []error{ErrGoexit}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []int
			a := &arrangement[int]{by: func(i int) string {
				if asked = append(asked, i); i == 1 {
					c.misbehave()
				}
				return "g"
			}}
			b := &sources.Batch[int]{IDs: ids, Open: func(i int) (int, error) { return i, nil }}
			p, err := a.arrange(t.Context(), b, queue)
			require.NoError(t, err)
			assert.Equal(t, []int{0, 1}, asked, "it is not asked about what can never start")
			assert.Equal(t, 1, p.Barrier)
			assert.Equal(t, []string{"g", "", ""}, []string{p.Results[0].Group, p.Results[1].Group, p.Results[2].Group})
			_, err = p.Open(0)
			require.NoError(t, err)
			_, err = p.Open(1)
			for _, is := range c.is {
				assert.ErrorIs(t, err, is)
			}
		})
	}
	t.Run("hang", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			release := make(chan struct{})
			a := &arrangement[int]{by: func(i int) string {
				if i == 1 {
					<-release
				}
				return "g"
			}}
			b := &sources.Batch[int]{IDs: ids, Open: func(i int) (int, error) { return i, nil }}
			began := time.Now()
			p, err := a.arrange(ctx, b, queue)
			require.NoError(t, err)
			assert.Equal(t, time.Second, time.Since(began))
			_, err = p.Open(1)
			assert.ErrorIs(t, err, errNoGroup)
			close(release)
			synctest.Wait()
		})
	})
	t.Run("the time is up already", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		a := &arrangement[int]{by: func(int) string { panic("it is asked") }}
		p, err := a.arrange(ctx, &sources.Batch[int]{IDs: ids, Open: opened}, queue)
		require.NoError(t, err)
		assert.Equal(t, 3, p.Barrier, "not the group function is to blame")
	})
}

// The group function sees each record once, and handlers receive the very values that it saw.
func TestHandlersReceiveWhatTheGroupFunctionSaw(t *testing.T) {
	opens := 0
	b := &sources.Batch[*int]{IDs: []string{"1", "2"}, Open: func(i int) (*int, error) { opens++; return &i, nil }}
	var seen []*int
	a := &arrangement[*int]{by: func(i *int) string { seen = append(seen, i); return "g" }}
	p, err := a.arrange(t.Context(), b, queue)
	require.NoError(t, err)
	for i := range seen {
		record, err := p.Open(i)
		require.NoError(t, err)
		assert.Same(t, seen[i], record)
	}
	assert.Equal(t, 2, opens)
}
