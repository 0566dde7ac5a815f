package batch

import (
	"context"
	"fmt"
	"hash/fnv"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/internal/guard"
)

const textLimit = 300

// Text returns the text of an error, cut after a few hundred bytes, for logs and reports. It returns soon even if
// the Error method of err blocks: for errors from outside troupe and the standard library it calls the method on
// another goroutine and does not wait for long.
func Text(err error) string {
	left := maxLinks
	if harmless(err, &left) {
		return guard.Bounded(guard.Text(err), textLimit)
	}
	if abandonedTexts.Load() >= maxAbandonedTexts {
		return unknownText(err)
	}
	moment, cancel := context.WithTimeout(context.Background(), textMoment)
	defer cancel()
	text := make(chan string, 1)
	var fate atomic.Int32
	end := guard.Within(moment.Done(), func() {
		defer func() {
			if !fate.CompareAndSwap(textPending, textEnded) {
				abandonedTexts.Add(-1)
			}
		}()
		text <- guard.Text(err)
	})
	switch end.How {
	case guard.Returned:
		return guard.Bounded(<-text, textLimit)
	case guard.Left:
		if abandonedTexts.Add(1); !fate.CompareAndSwap(textPending, textLeft) {
			abandonedTexts.Add(-1) // it has just ended
		}
	}
	return unknownText(err)
}

// The state of a call of an Error method: the later of two events, its end and its abandonment, sees the earlier one.
const (
	textPending = iota
	textEnded
	textLeft
)

// textMoment is how long Text waits for an Error method, and maxAbandonedTexts how many of them it leaves behind in a
// process before it does not call any more.
const (
	textMoment        = 100 * time.Millisecond
	maxAbandonedTexts = 16
)

// abandonedTexts counts the Error methods that Text has abandoned, for the whole process, as goroutines are.
var abandonedTexts atomic.Int64

func unknownText(err error) string {
	return guard.Bounded(fmt.Sprintf("a %T whose Error method does not return", err), textLimit)
}

// GroupHash returns a hash of a group for logs and reports, since groups may be item keys (SPEC S9). It returns
// "" for no group.
func GroupHash(group string) string {
	if group == "" {
		return ""
	}
	h := fnv.New64a()
	h.Write([]byte(group))
	return strconv.FormatUint(h.Sum64(), 16)
}
