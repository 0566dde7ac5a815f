package tally

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/troupe-go/troupe/cmd/demo/page"
)

// Latency is a histogram of the latencies of records, to three digits. Its size does not depend on the number of
// records.
type Latency struct{ histogram *hdrhistogram.Histogram } // of microseconds

const (
	longest = 24 * time.Hour // longer latencies count as this
	digits  = 3
)

// NewLatency returns an empty histogram.
func NewLatency() *Latency {
	return &Latency{hdrhistogram.New(1, longest.Microseconds(), digits)}
}

func (l *Latency) record(d time.Duration) {
	_ = l.histogram.RecordValue(min(d, longest).Microseconds()) // never out of range
}

// Add adds the latencies of other.
func (l *Latency) Add(other *Latency) { l.histogram.Merge(other.histogram) }

// At returns the duration that the given percentage of the records did not exceed; 0 if there are none.
func (l *Latency) At(percent float64) time.Duration {
	return time.Duration(l.histogram.ValueAtPercentile(percent)) * time.Microsecond
}

// Max returns the longest duration; 0 if there is none.
func (l *Latency) Max() time.Duration { return time.Duration(l.histogram.Max()) * time.Microsecond }

// Buckets returns the records by latency: up to 1, 2, 5, 10, 20, … of a unit, from the fastest to the
// slowest.
func (l *Latency) Buckets() (list []page.Bucket) {
	next := bounds()
	upTo := next()
	for _, bar := range l.histogram.Distribution() {
		if bar.Count == 0 {
			continue
		}
		for bar.From > upTo.Microseconds() {
			upTo = next()
			if len(list) > 0 {
				list = append(list, page.Bucket{UpTo: upTo})
			}
		}
		if len(list) == 0 {
			list = append(list, page.Bucket{UpTo: upTo})
		}
		list[len(list)-1].Count += int(bar.Count)
	}
	return list
}

// bounds returns a function that returns the upper bounds of buckets, one after the other.
func bounds() func() time.Duration {
	unit, i := 10*time.Microsecond, -1
	return func() time.Duration {
		if i++; i == 3 {
			unit, i = 10*unit, 0
		}
		return unit * [...]time.Duration{1, 2, 5}[i]
	}
}
