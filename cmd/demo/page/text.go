package page

import (
	"math"
	"strconv"
	"time"
)

// thousands returns n with its digits in groups of three.
func thousands(n int) string {
	digits := strconv.Itoa(n)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(digits) - 3; i > first; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// short returns v as an axis label: 2,500, 40k, 1.5M.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return significant(v/1e6) + "M"
	case v >= 1e4:
		return significant(v/1e3) + "k"
	case v >= 1e3:
		return thousands(int(math.Round(v)))
	}
	return significant(v)
}

// timeUnit is a unit in which durations are printed.
type timeUnit struct {
	name string
	size time.Duration
	from time.Duration // it is taken from here on
}

// timeUnits are the same in timeline.js.
var timeUnits = [...]timeUnit{
	{"d", 24 * time.Hour, 48 * time.Hour},
	{"h", time.Hour, 2 * time.Hour},
	{"min", time.Minute, 2 * time.Minute},
	{"s", time.Second, time.Second},
	{"ms", time.Millisecond, time.Millisecond},
	{"µs", time.Microsecond, 0},
}

func unitOf(d time.Duration) timeUnit {
	for _, u := range timeUnits {
		if d >= u.from {
			return u
		}
	}
	return timeUnits[len(timeUnits)-1]
}

// in returns d in the unit, with its name.
func (u timeUnit) in(d time.Duration) string {
	return significant(float64(d)/float64(u.size)) + " " + u.name
}

func durationText(d time.Duration) string {
	if d == 0 {
		return "0"
	}
	return unitOf(d).in(d)
}

// significant returns v to three digits, or all digits before the point.
func significant(v float64) string {
	if math.Abs(v) >= 100 {
		return thousands(int(math.Round(v)))
	}
	return strconv.FormatFloat(roundTo(v, 3), 'f', -1, 64)
}

func roundTo(v float64, digits int) float64 {
	rounded, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
	return rounded
}
