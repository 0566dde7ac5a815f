package cli

import (
	"io"
	"sync"
)

// wholeWriter makes each Write atomic: trace, report and log come from different goroutines.
type wholeWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (w *wholeWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}
