package cli

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// overlapWriter notices when it is called twice at once.
type overlapWriter struct {
	busy, overlapped atomic.Bool
}

func (w *overlapWriter) Write(p []byte) (int, error) {
	if !w.busy.CompareAndSwap(false, true) {
		w.overlapped.Store(true)
	}
	runtime.Gosched()
	w.busy.Store(false)
	return len(p), nil
}

func TestWholeWriterWritesOneAtATime(t *testing.T) {
	var out overlapWriter
	w := &wholeWriter{w: &out}
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 100 {
				_, _ = w.Write([]byte("line\n"))
			}
		})
	}
	writers.Wait()
	if out.overlapped.Load() {
		t.Error("two writes at once")
	}
}
