package page

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestNumbersAreWrittenForPeople(t *testing.T) {
	for n, want := range map[int]string{0: "0", 7: "7", 999: "999", 1000: "1,000", 20939: "20,939", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		assert.Equal(t, want, thousands(n))
	}
	for v, want := range map[float64]string{0: "0", .5: "0.5", 42.28: "42.3", 2500: "2,500", 40_000: "40k", 120_000: "120k", 1_500_000: "1.5M"} {
		assert.Equal(t, want, short(v), "on an axis")
	}
}

func TestDurationsAreWrittenInTheUnitThatSuitsThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0", 1500 * time.Nanosecond: "1.5 µs", 800 * time.Microsecond: "800 µs", 12345 * time.Microsecond: "12.3 ms",
		time.Second: "1 s", 90 * time.Second: "90 s", 150 * time.Second: "2.5 min", 3 * time.Hour: "3 h", 72 * time.Hour: "3 d",
	} {
		assert.Equal(t, want, durationText(d))
	}
}

func TestAnAxisIsCutIntoFewRoundSteps(t *testing.T) {
	for length, want := range map[float64]float64{1: .5, 3: 1, 16: 5, 40: 10, 717: 200, 9000: 5000, 1e6: 5e5} {
		assert.InEpsilon(t, want, niceStep(length, 4), 1e-9, length)
	}
}
