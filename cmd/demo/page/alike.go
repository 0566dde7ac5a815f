package page

import (
	"slices"
	"time"
)

// alike gives all sources the same steps, number of steps and latency bounds, so that their charts can be compared at a
// glance: the same position means the same time. lower is the lower bound of the first bucket.
func alike(given []Source) (sources []Source, lower time.Duration) {
	sources = slices.Clone(given)
	var step time.Duration
	for _, s := range sources {
		step = max(step, s.Step)
	}
	steps := 0
	for i := range sources {
		s := &sources[i]
		if s.Step <= 0 || step%s.Step != 0 {
			continue
		}
		n := int(step / s.Step)
		s.Handled, s.Succeeded, s.Redelivered = joined(s.Handled, n, sum), joined(s.Succeeded, n, sum), joined(s.Redelivered, n, sum)
		s.InFlight = joined(s.InFlight, n, largestOf)
		s.Step = step
		steps = max(steps, len(s.Handled), len(s.Succeeded), len(s.Redelivered), len(s.InFlight))
	}
	lower, bounds := boundsOf(sources)
	for i := range sources {
		s := &sources[i]
		if missing := steps - len(s.Handled); step > 0 && s.Step == step && len(s.Handled) > 0 && missing > 0 {
			s.Handled = append(s.Handled, make([]int, missing)...)
		}
		s.Latency = within(s.Latency, bounds)
	}
	return sources, lower
}

func sum(a, b int) int       { return a + b }
func largestOf(a, b int) int { return max(a, b) }

// joined merges every n values into one.
func joined(series []int, n int, join func(a, b int) int) []int {
	var list []int
	for i, value := range series {
		if i%n == 0 {
			list = append(list, value)
		} else {
			list[len(list)-1] = join(list[len(list)-1], value)
		}
	}
	return list
}

// boundsOf returns the bounds of all buckets from the first to the last that is not empty in some source, and the lower
// bound of the first.
func boundsOf(sources []Source) (lower time.Duration, bounds []time.Duration) {
	lower, last := Unbounded, time.Duration(0)
	for _, s := range sources {
		from, buckets := trim(s.Latency)
		if len(buckets) == 0 {
			continue
		}
		lower, last = min(lower, from), max(last, buckets[len(buckets)-1].UpTo)
		for _, b := range s.Latency {
			bounds = append(bounds, b.UpTo)
		}
	}
	slices.Sort(bounds)
	return lower, slices.DeleteFunc(slices.Compact(bounds), func(d time.Duration) bool { return d <= lower || d > last })
}

// within returns a histogram with those bounds. Buckets that it does not have are empty.
func within(buckets []Bucket, bounds []time.Duration) (list []Bucket) {
	counts := make(map[time.Duration]int)
	for _, b := range buckets {
		counts[b.UpTo] += b.Count
	}
	for _, upTo := range bounds {
		list = append(list, Bucket{upTo, counts[upTo]})
	}
	return list
}
