package sqspoll

import (
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/troupe-go/troupe"
)

// removeFor is how long deletes that fail are tried again at least, unless Run ends sooner.
const removeFor = 5 * time.Second

// toRemove returns the messages that the report lets go of: those that succeeded or were dropped in every copy (SPEC Q1).
func (l *lease) toRemove(report *troupe.Report) (indexes []int) {
	failed := make(map[string]bool)
	for i := range report.Records {
		if report.Records[i].Outcome == troupe.Failed {
			failed[l.messages[i].id] = true
		}
	}
	for i := range l.messages {
		if !failed[l.messages[i].id] {
			indexes = append(indexes, i)
		}
	}
	return indexes
}

// remove deletes messages, and returns the number of those that it has deleted. What SQS refuses is not tried again: in a
// FIFO queue a message whose visibility timeout has ended, and all if there is no queue or no access. The lease has been
// released.
func (l *lease) remove(indexes []int) (removed int) {
	if len(indexes) == 0 {
		return 0
	}
	s := l.p.settings
	end := max(l.lasts(indexes), s.clock()+removeFor)
	pause := 100 * time.Millisecond
	for {
		n, again, err := l.removeOnce(indexes)
		removed += n
		if indexes = again; len(indexes) == 0 {
			return removed
		}
		if isFatal(err) || s.clock()+pause >= end || !sleep(l.p.last, pause) {
			l.p.warnOf("troupe: sqspoll: messages that were handled cannot be deleted and will be redelivered", err, "messages", len(indexes))
			return removed
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// removeOnce makes a call. again are the messages whose delete may be tried again; the error is that of one of them.
func (l *lease) removeOnce(indexes []int) (removed int, again []int, err error) {
	entries := make([]types.DeleteMessageBatchRequestEntry, len(indexes))
	for k, i := range indexes {
		id := strconv.Itoa(i)
		entries[k] = types.DeleteMessageBatchRequestEntry{Id: &id, ReceiptHandle: &l.messages[i].receipt}
	}
	ctx, cancel := l.p.call()
	defer cancel()
	output, err := l.p.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &l.p.url, Entries: entries})
	if err != nil {
		return 0, indexes, err
	}
	for _, e := range output.Failed {
		i, ok := indexOf(e.Id, len(l.messages))
		switch {
		case !ok:
		case final(e):
			l.p.warnOf("troupe: sqspoll: a message that was handled cannot be deleted and will be redelivered", errorOf(e), "id", l.messages[i].id)
		default:
			again, err = append(again, i), errorOf(e)
		}
	}
	return len(output.Successful), again, err
}
