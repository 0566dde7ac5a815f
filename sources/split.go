package sources

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// split scans an event and finds its records and their fields. Nothing that it returns refers to payload.
func split(payload []byte, l *layout, admit admission) (*index, error) {
	if len(payload) > math.MaxInt32 {
		return nil, fmt.Errorf("%d bytes where 2 GiB are the limit", len(payload))
	}
	return splitBy(runtime.GOMAXPROCS(0), shareSize, payload, l, admit)
}

// splitter scans an event. Of a large one, several indexers share the records.
type splitter struct {
	scanner
	most   int // goroutines
	size   int // of a share, in bytes
	layout *layout
	admit  admission
	parts  []*part
	found  bool  // Records
	flaw   error // the first thing that is JSON but no event
	astray bool  // what is wrong with the event is to be found out by one indexer alone
}

// shareSize is how much text an indexer takes at a time. It is about what one scans while another goroutine gets to
// run on a processor that was idle, so that a smaller event is scanned sooner by one.
const shareSize = 128 << 10

// splitBy is split by so many goroutines at the most, in shares of so many bytes.
func splitBy(most, size int, payload []byte, l *layout, admit admission) (*index, error) {
	// The scan needs a string, and a copy of the whole would be a large block of memory for every invocation,
	// which costs more than the scan. So it is a view of payload, which stays as it is for that long, and each
	// record is copied as soon as it has been scanned.
	text := unsafe.String(unsafe.SliceData(payload), len(payload))
	s := splitter{scanner: scanner{text: text}, layout: l, admit: admit, most: most, size: size}
	end := s.event(s.space(0))
	switch {
	case s.astray:
		return splitBy(1, size, payload, l, admit) // which tells what is wrong as if there had been no others
	case end < 0:
		return nil, s.err()
	case !s.found:
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
	if s.is(i, '{') {
		i = s.members(i)
	} else {
		start := i
		if i = s.value(i, 0); i >= 0 {
			s.mark(errors.New("the event is " + article(kindOf(s.text[start:])) + ` where an object with "Records" was expected`))
		}
	}
	if i < 0 {
		return i
	}
	if i = s.space(i); i < len(s.text) {
		return s.fail(i)
	}
	return i
}

func (s *splitter) members(i int) int {
	i, more := s.first(i, '}', 0)
	for more {
		start := i
		if i, _ = s.quote(i); i < 0 {
			return i
		}
		key := s.unquote(start, i)
		if i = s.colon(i); i < 0 {
			return i
		}
		// encoding/json takes records for Records too.
		if strings.EqualFold(key, "Records") {
			i = s.records(i)
		} else {
			i = s.value(i, 1)
		}
		if i < 0 {
			return i
		}
		i, more = s.next(i, '}')
	}
	return i
}

func (s *splitter) records(i int) int {
	start := i
	if s.found {
		s.mark(errors.New(`"Records" comes twice`))
		return s.value(i, 1)
	}
	s.found = true
	if !s.is(i, '[') {
		if i = s.value(i, 1); i >= 0 {
			s.mark(errors.New(`"Records" is ` + article(kindOf(s.text[start:])) + " where an array was expected"))
		}
		return i
	}
	i, more := s.first(i, ']', 1)
	if more {
		i = s.elements(i)
	}
	return i
}

// elements scans the records from the first, at i, to the end of the array.
func (s *splitter) elements(i int) int {
	x, first := s.indexer(), &share{start: i}
	x.begin(first, nil)
	i, more := x.one(i)
	var w work
	if more && first.flaw == nil {
		w.shares = s.divide(i)
		x.later = w.shares
	}
	var others sync.WaitGroup
	for range min(s.most-1, len(w.shares)) {
		others.Go(func() { s.indexer().work(&w) })
	}
	x.finish(i, more)
	x.work(&w)
	others.Wait()

	if len(w.shares) == 0 {
		s.flaw, s.at, s.why = first.flaw, x.at, x.why
	}
	for share := first; ; share = share.then {
		if len(w.shares) > 0 && (share.end < 0 || share.flaw != nil) {
			s.astray = true
			return s.fail(share.start)
		}
		s.parts = append(s.parts, &share.part)
		if share.then == nil {
			return share.end
		}
	}
}

func (s *splitter) indexer() *indexer {
	return &indexer{scanner: scanner{text: s.text}, layout: s.layout, admit: s.admit}
}

// divide makes shares of what comes after i, where the second record starts. Where each begins is a guess: it looks
// like the seam between the first two records. One that begins inside of a record is passed by, since its place is
// none where the indexer that comes there finds a record to start.
func (s *splitter) divide(i int) (shares []share) {
	n := (len(s.text) - i) / s.size
	if s.most < 2 || n < 2 {
		return nil
	}
	const key = 8 // as much of the second record's first key as there is in all sources
	before := strings.LastIndexByte(s.text[:i], '}')
	seam := s.text[before:min(i+key, len(s.text))]
	shares = make([]share, 0, n)
	for at := i + s.size; at < len(s.text); at = max(at+s.size, i) {
		found := strings.Index(s.text[at:], seam)
		if found < 0 {
			break
		}
		i = at + found + len(seam) - key
		shares = append(shares, share{start: i})
	}
	return shares
}
