package sources

import (
	"maps"
	"slices"
	"sync"

	"github.com/troupe-go/troupe/batch"
)

// Notes collects what a Reader omits from handled records: Put is for Batch.Open, and All is Batch.Notes. The
// zero value is empty. It is safe for concurrent use.
type Notes struct {
	mu    sync.Mutex
	texts map[int]string
}

// Put sets the note about record i; an empty note changes nothing. Records are decoded anew for each attempt, so the
// last note counts.
func (n *Notes) Put(i int, text string) {
	if text == "" {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.texts == nil {
		n.texts = make(map[int]string)
	}
	n.texts[i] = text
}

// All returns the notes so far in batch order.
func (n *Notes) All() (all []batch.Note) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, i := range slices.Sorted(maps.Keys(n.texts)) {
		all = append(all, batch.Note{Index: i, Text: n.texts[i]})
	}
	return all
}
