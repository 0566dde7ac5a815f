package lambdasim

import (
	"fmt"
)

// Draw returns a number in [0, 1) that depends only on its arguments: the same seed gives the same faults to the same
// record at the same attempt, in any order of events. what distinguishes draws for different purposes, such as "fault"
// and "duration".
//
//	switch p := lambdasim.Draw(seed, "fault", msg.MessageId, lambdasim.Delivery(ctx, msg.MessageId)); {
//	case p < 0.01:
//		panic("drawn")
//	case p < 0.04:
//		return errors.New("drawn")
//	}
func Draw(seed uint64, what, id string, attempt int) float64 {
	h := mix(seed ^ 0x6c616d6264617369)
	h = mix(h ^ hashOf(what))
	h = mix(h ^ hashOf(id))
	h = mix(h ^ uint64(attempt))
	return float64(h>>11) / (1 << 53)
}

// hashOf is FNV-1a.
func hashOf(text string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	return h
}

// mix is the finalizer of SplitMix64. It maps different numbers to different numbers.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// uuid returns the n-th of a series of identifiers that look like UUIDs. The identifiers of a series are distinct.
func uuid(series string, n uint64) string {
	h := hashOf(series)
	a, b := mix(h+n), mix(h^mix(n))
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", a>>32, uint16(a>>16), a&0xfff, uint16(a>>12&0xf)<<8|0x8000|uint16(b>>48&0xff), b&0xffffffffffff)
}
