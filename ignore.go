package troupe

import (
	"bytes"
	"context"
	"time"

	"github.com/troupe-go/troupe/batch"
)

// ignoreWithin is how long the function given to WithIgnore may take.
const ignoreWithin = time.Second

// ignores asks the user's function whether a payload that was refused is to be ignored. ctx ends at the cutoff.
func (s *settings) ignores(ctx context.Context, payload []byte) bool {
	if s.ignore == nil || !s.limits.NotAnEvent(payload) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, ignoreWithin)
	defer cancel()
	if ctx.Err() != nil {
		return false
	}
	own := bytes.Clone(payload) // the function may be left behind
	yes := make(chan bool, 1)
	err := batch.TryWithin(ctx.Done(), func() error {
		yes <- s.ignore(own)
		return nil
	})
	switch {
	case err != nil:
		s.log().Warn("troupe: the function given to WithIgnore did not answer; the payload is refused", "error", err.Error())
		return false
	case !<-yes:
		return false
	}
	s.log().Info("troupe: payload ignored, as the function given to WithIgnore said", "bytes", len(payload))
	return true
}
