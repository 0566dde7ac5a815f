package sqspoll

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// unhealthyAfter is how long receives have to fail before Health shows it: SQS throttles, and networks have gaps.
const unhealthyAfter = time.Minute

// Health shows whether a Run is polling, for the health check of a container. The zero value reports a process that
// is not polling. It is safe for concurrent use.
type Health struct {
	mu      sync.Mutex
	running int
	failing time.Time // since when receives fail; zero if they do not
	last    error
}

// Err returns nil while Run is polling, including when all batches in flight are busy and while it drains. It returns
// an error if Run has not begun or has returned, or if every receive has failed for a minute; that error wraps the
// last one.
func (h *Health) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.running == 0:
		return errors.New("troupe: sqspoll: not running")
	case !h.failing.IsZero() && time.Since(h.failing) >= unhealthyAfter:
		return fmt.Errorf("troupe: sqspoll: receives have failed for %v: %w", time.Since(h.failing).Round(time.Second), h.last)
	default:
		return nil
	}
}

func (h *Health) run(change int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running += change
	h.failing, h.last = time.Time{}, nil
}

// received notes how a receive ended, and reports whether that is news.
func (h *Health) received(err error) (news bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	news = h.failing.IsZero() == (err != nil)
	switch {
	case err == nil:
		h.failing = time.Time{}
	case news:
		h.failing = time.Now()
	}
	h.last = err
	return news
}
