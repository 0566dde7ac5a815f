package lambdasim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// tenths returns how many events of a kind there were in each of the first tenths of a second.
func (o outcome) tenths(kind history.Kind, n int) []int {
	counts := make([]int, n)
	for _, e := range o.of(kind) {
		if i := int(e.At / (100 * time.Millisecond)); i < n {
			counts[i]++
		}
	}
	return counts
}

// peak returns the largest number of invocations that were under way at once.
func (o outcome) peak() (peak int) {
	under := 0
	for _, e := range o.of(history.Invoked, history.Answered) {
		if e.Kind == history.Answered {
			under--
			continue
		}
		under++
		peak = max(peak, under)
	}
	return peak
}

// queueOfGroups returns a queue with n messages in turn of so many groups.
func queueOfGroups(name string, n, groups int) *lambdasim.Queue {
	q := &lambdasim.Queue{Name: name}
	for i := range n {
		q.Send(lambdasim.Message{Body: fmt.Sprint(i), Group: fmt.Sprint("group-", i%groups)})
	}
	return q
}

// "Configuring scaling behavior for SQS event source mappings": up to 1,250 for a mapping.
func TestAMappingStopsAt1250BatchesOfAQueue(t *testing.T) {
	for _, queue := range []*lambdasim.Queue{queueOf("queue", 1_400), queueOfGroups("q.fifo", 1_400, 1_400)} {
		queue.VisibilityTimeout = time.Hour
		o := simulate(t, lambdasim.Simulation{
			Source: queue, Handler: &function{takes: 14 * time.Minute}, Timeout: 15 * time.Minute,
			Mapping: lambdasim.Mapping{BatchSize: 1}, Concurrency: 5_000,
		})
		if o.peak() != 1_250 || !o.OK() {
			t.Errorf("%s: %d batches at once: %v", queue.Name, o.peak(), o)
		}
	}
}

// The same page: a poller handles 10 invocations at once, and 1,000 more a minute are added, so a poller
// every 0.6 s.
func TestProvisionedPollersAreAddedUpToTheMaximum(t *testing.T) {
	for _, queue := range []*lambdasim.Queue{queueOf("queue", 1_000), queueOfGroups("q.fifo", 1_000, 100)} {
		o := simulate(t, lambdasim.Simulation{
			Source: queue, Handler: &function{takes: 20 * time.Second}, Timeout: 30 * time.Second,
			Mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MaximumPollers: 4}},
		})
		if n := o.tenths(history.Invoked, 20); !slices.Equal(n, []int{20, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0}) {
			t.Errorf("%s: batches begun in the first tenths of seconds: %v", queue.Name, n)
		}
		if o.peak() != 40 || !o.OK() {
			t.Errorf("%s: %d batches at once: %v", queue.Name, o.peak(), o)
		}
	}
}

// The same page: a poller makes up to 10 calls a second, and ReceiveMessage returns up to 10 messages, so two
// pollers receive 200 messages a second however quick the function is, and fewer if a call is not full.
func TestProvisionedPollersMakeTenCallsASecond(t *testing.T) {
	two := &lambdasim.ProvisionedPollerConfig{MinimumPollers: 2, MaximumPollers: 2}
	for _, c := range []struct {
		name    string
		queue   *lambdasim.Queue
		mapping lambdasim.Mapping
		want    [2]int // in the first and in the second second
	}{
		{"full batches", queueOf("queue", 900), lambdasim.Mapping{ProvisionedPollerConfig: two}, [2]int{200, 200}},
		{"batches of 4", queueOf("queue", 900), lambdasim.Mapping{BatchSize: 4, ProvisionedPollerConfig: two}, [2]int{80, 80}},
		// 6 batches take 18 calls, and 2 calls bring 20 messages of the next one; the call that brings its other 5
		// leaves 19: 6 batches and 10 messages more.
		{"batches of 25, three calls each", queueOf("queue", 900),
			lambdasim.Mapping{BatchSize: 25, MaximumBatchingWindowInSeconds: 10, ProvisionedPollerConfig: two}, [2]int{170, 165}},
		{"FIFO", queueOfGroups("q.fifo", 900, 90), lambdasim.Mapping{ProvisionedPollerConfig: two}, [2]int{200, 200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := simulate(t, lambdasim.Simulation{Source: c.queue, Handler: &function{}, Mapping: c.mapping})
			if n := o.tenths(history.Received, 20); n[0] != c.want[0] || n[10] != c.want[1] || n[5] != 0 {
				t.Errorf("received in the first tenths of seconds: %v, want %v in the first two seconds", n, c.want)
			}
			if !o.OK() || o.Totals.Deleted != 900 {
				t.Error(o)
			}
		})
	}
}

// The same page: a poller handles up to 1 MB a second, also if that ends in the middle of a batch.
func TestProvisionedPollersReceiveAMegabyteASecond(t *testing.T) {
	for _, name := range []string{"queue", "q.fifo"} {
		queue := &lambdasim.Queue{Name: name}
		for range 50 {
			queue.Send(lambdasim.Message{Body: strings.Repeat("x", 300<<10), Group: "group"})
		}
		o := simulate(t, lambdasim.Simulation{
			Source: queue, Handler: &function{},
			Mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MinimumPollers: 2, MaximumPollers: 2}},
		})
		perSecond := make([]int, 6)
		for _, at := range o.instants(history.Received) {
			if at < len(perSecond) {
				perSecond[at]++
			}
		}
		// 2 MiB are 6.8 events of 300 KiB and a little: 7 in a second, and 6 when what was over adds up to one.
		if !slices.Equal(perSecond, []int{7, 7, 7, 7, 7, 6}) || !o.OK() {
			t.Errorf("%s: received in the first seconds: %v; %v", name, perSecond, o)
		}
	}
}

// A queue that gets less than its pollers can take is not held up by them.
func TestProvisionedPollersDoNotDelayWhatTheyCanTake(t *testing.T) {
	queue := &lambdasim.Queue{}
	queue.Feed(lambdasim.Feed[lambdasim.Message]{
		Count: 100, Record: func(i int) lambdasim.Message { return lambdasim.Message{Body: fmt.Sprint(i)} },
		At: func(i int) time.Duration { return time.Duration(i) * 100 * time.Millisecond },
	})
	o := simulate(t, lambdasim.Simulation{
		Source: queue, Handler: &function{}, Mapping: lambdasim.Mapping{ProvisionedPollerConfig: &lambdasim.ProvisionedPollerConfig{MinimumPollers: 2}},
	})
	sent := o.of(history.Sent)
	for i, e := range o.of(history.Received) {
		if late := e.At - sent[i].At; late > time.Millisecond {
			t.Fatalf("message %d is received %v after it was sent", i, late)
		}
	}
}
