package troupe_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/troupe-go/troupe"
)

// docs/benchmarks.md: a batch takes 56 objects of its own, and four for each message.
func TestWhatABatchCosts(t *testing.T) {
	p := troupe.SQS(handleMessage, troupe.WithConcurrency(1))
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	for size, most := range map[int]float64{10: 100, 1000: 4200} {
		event := sqsBatch(size, "queue")
		objects := testing.AllocsPerRun(20, func() {
			if _, err := p.Process(ctx, event); err != nil {
				t.Error(err)
			}
		})
		t.Logf("%d messages: %v objects", size, objects)
		assert.LessOrEqual(t, objects, most)
	}
}
