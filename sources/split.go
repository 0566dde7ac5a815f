package sources

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unsafe"

	"github.com/troupe-go/troupe/internal/jsonscan"
)

// split scans an event and finds its records and their fields. Nothing that it returns refers to payload.
func split(payload []byte, l *layout, admit admission) (*index, error) {
	if len(payload) > math.MaxInt32 { // not covered: this takes a payload of 2 GiB, and Lambda's largest is 6 MB
		return nil, fmt.Errorf("%d bytes; must be less than 2 GiB", len(payload))
	}
	return splitBy(runtime.GOMAXPROCS(0), shareSize, payload, l, admit)
}

// splitter scans an event. Of a large one, several indexers share the records.
type splitter struct {
	jsonscan.Scanner
	most   int // goroutines
	size   int // of a share, in bytes
	layout *layout
	admit  admission
	parts  []*part
	depth  int   // of the records: how many objects and arrays they are in
	found  bool  // Records, or a bare array
	flaw   error // the first thing that is JSON but no event
}

// shareSize is the size of the text that an indexer takes at a time: about as much as it scans while another
// goroutine starts on an idle processor, so that a smaller event is scanned faster by one goroutine.
const shareSize = 128 << 10

// splitBy is split with at most that many goroutines, in shares of about that many bytes.
func splitBy(most, size int, payload []byte, l *layout, admit admission) (*index, error) {
	// The scan needs a string, and a copy of the whole would be a large block of memory for every invocation,
	// which costs more than the scan. So it is a view of payload, which stays as it is for that long, and each
	// record is copied as soon as it has been scanned.
	text := unsafe.String(unsafe.SliceData(payload), len(payload))
	s := splitter{Scanner: jsonscan.Scanner{Text: text}, layout: l, admit: admit, most: most, size: size}
	if s.event(s.Space(0)) < 0 {
		return nil, s.Err()
	}
	if !s.found {
		s.mark(errors.New(`"Records" is missing`))
	}
	return newIndex(l, s.parts), s.flaw
}

func (s *splitter) mark(flaw error) {
	if s.flaw == nil {
		s.flaw = flaw
	}
}

// event scans the whole text.
func (s *splitter) event(i int) int {
	switch {
	case s.Is(i, '{'):
		i = s.members(i)
	case s.Is(i, '['): // a pipe's
		s.found = true
		i = s.list(i, 0)
	default:
		start := i
		if i = s.Value(i, 0); i >= 0 {
			s.mark(errors.New("the event is " + jsonscan.Article(jsonscan.Kind(s.Text[start:])) + ` where an object with "Records" was expected`))
		}
	}
	if i < 0 {
		return i
	}
	return s.End(i)
}

func (s *splitter) members(i int) int {
	return s.Object(i, 0, func(key string, at int) int {
		// encoding/json takes records for Records too.
		if strings.EqualFold(key, "Records") {
			return s.records(at)
		}
		return s.Value(at, 1)
	})
}

func (s *splitter) records(i int) int {
	start := i
	if s.found {
		s.mark(errors.New(`duplicate "Records"`))
		return s.Value(i, 1)
	}
	s.found = true
	if !s.Is(i, '[') {
		if i = s.Value(i, 1); i >= 0 {
			s.mark(errors.New(`"Records" is ` + jsonscan.Article(jsonscan.Kind(s.Text[start:])) + " where an array was expected"))
		}
		return i
	}
	return s.list(i, 1)
}

// list scans the array of records, inside depth objects and arrays.
func (s *splitter) list(i, depth int) int {
	s.depth = depth + 1
	i, more := s.First(i, ']', depth)
	if more {
		i = s.elements(i)
	}
	return i
}

// elements scans the records from the first, at i, to the end of the array.
func (s *splitter) elements(i int) int {
	shares := s.divide(i)
	x := s.index(shares)
	if len(shares) > 1 && !joined(shares) {
		shares = s.undivided(i)
		x = s.index(shares) // one indexer reports the first fault, if there is one
	}
	for k := range shares {
		s.parts = append(s.parts, &shares[k].part)
	}
	last := &shares[len(shares)-1]
	s.flaw, s.Scanner = last.flaw, x.Scanner
	return last.end
}

func (s *splitter) undivided(i int) []share {
	return []share{{start: i, limit: len(s.Text)}}
}

// divide makes shares of the records, of which the first is at i. Where another share begins is a guess: it looks like
// the start of the first record, right behind the end of another, as AWS writes no white space. Nothing in a string
// looks like that, since quotes are escaped there, and nothing else in a record of AWS does.
func (s *splitter) divide(i int) []share {
	shares := s.undivided(i)
	if s.most < 2 {
		return shares
	}
	const key = 8 // with less than that of a record's first key, other objects might look like it
	seam := "}," + s.Text[i:min(i+key, len(s.Text))]
	for at := i + s.size; at+s.size <= len(s.Text); at += s.size {
		found := strings.Index(s.Text[at:], seam)
		if found < 0 {
			break
		}
		at += found + len("},")
		shares[len(shares)-1].limit = at
		shares = append(shares, s.undivided(at)...)
	}
	return shares
}

// index has indexers scan the shares, each in a goroutine, and returns the caller's own when all have ended.
func (s *splitter) index(shares []share) *indexer {
	w := worklist{shares: shares}
	var others sync.WaitGroup
	defer others.Wait() // they read the payload
	for range min(s.most, len(shares)) - 1 {
		others.Go(func() { s.indexer().scanShares(&w) })
	}
	x := s.indexer()
	x.scanShares(&w)
	return x
}

func (s *splitter) indexer() *indexer {
	return &indexer{Scanner: jsonscan.Scanner{Text: s.Text}, layout: s.layout, admit: s.admit, depth: s.depth}
}

// joined reports whether each share ends where the next one begins, and nothing is wrong with any of them.
func joined(shares []share) bool {
	last := len(shares) - 1
	return shares[last].end >= 0 && shares[last].flaw == nil &&
		!slices.ContainsFunc(shares[:last], func(s share) bool { return s.end != s.limit || s.flaw != nil })
}
