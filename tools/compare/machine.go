package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// machine says what was measured on, given what atOnce found.
func machine(worth spread) string {
	return fmt.Sprintf("%s%d cores that did the work of %.1f (middle half %.1f to %.1f), %s/%s, %s",
		processor(), runtime.GOMAXPROCS(0), worth.median, worth.low, worth.high, runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// processor is the name of the processor, where Linux has it.
func processor() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value) + ", "
		}
	}
	return ""
}

// atOnce finds how many times the work of one core all of them do when they work at once. On a shared or
// throttled machine that is less than there are, and troupe cannot decode on cores that are not there.
func atOnce() float64 {
	const repeat = 3
	cores := runtime.GOMAXPROCS(0)
	var found []float64
	for range repeat {
		one, all := spin(1), spin(cores)
		found = append(found, float64(cores)*float64(one)/float64(all))
	}
	return spreadOf(found).median
}

var spun atomic.Uint64 // keeps the compiler from leaving spin out

// spin has so many goroutines compute the same thing and returns how long it took.
func spin(goroutines int) time.Duration {
	began := time.Now()
	var running sync.WaitGroup
	for range goroutines {
		running.Go(func() {
			x := uint64(1)
			for i := range uint64(20e6) {
				x = x*31 + i
			}
			spun.Store(x)
		})
	}
	running.Wait()
	return time.Since(began)
}
