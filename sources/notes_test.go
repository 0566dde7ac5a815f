package sources

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/troupe-go/troupe/batch"
)

// Records are decoded by several goroutines, and anew for another attempt: the notes are in batch order, one for each
// record.
func TestNotesAreOnePerRecordInBatchOrder(t *testing.T) {
	var n Notes
	assert.Empty(t, n.All())
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if i%2 == 0 {
				n.Put(i, "first")
				n.Put(i, "header 1 was left out")
			}
			n.Put(i, "")
		})
	}
	all.Wait()
	notes := n.All()
	assert.Len(t, notes, 10)
	for k, note := range notes {
		assert.Equal(t, batch.Note{Index: 2 * k, Text: "header 1 was left out"}, note)
	}
}
