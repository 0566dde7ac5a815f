package lambdasim_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/fifocases"
)

// direct is a Direct as the cases use it.
type direct struct {
	*lambdasim.Direct
	queue *lambdasim.Queue
	ctx   context.Context
}

func directOf(t *testing.T, q *lambdasim.Queue) direct {
	t.Helper()
	d, err := q.Direct()
	if err != nil {
		t.Fatal(err)
	}
	return direct{d, q, t.Context()}
}

func (d direct) Send(body, group string) error {
	_, _, err := d.Direct.Send(d.ctx, lambdasim.Message{Body: body, Group: group})
	return err
}

func (d direct) Receive(most int, visibility time.Duration) (list []fifocases.Message, err error) {
	received, err := d.Direct.Receive(d.ctx, most, visibility, 0)
	for _, m := range received {
		list = append(list, fifocases.Message{Body: m.Body, Receipt: m.ReceiptHandle})
	}
	return list, err
}

func (d direct) Delete(receipt string) error { return d.Direct.Delete(d.ctx, receipt) }

func (d direct) Change(receipt string, timeout time.Duration) error {
	return d.queue.ChangeVisibility(d.ctx, receipt, timeout)
}

// E4.
func TestADirectQueueDoesWhatIsRecorded(t *testing.T) {
	for _, c := range fifocases.All() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				queue := &lambdasim.Queue{Name: "q.fifo", VisibilityTimeout: c.Visibility, ContentBasedDeduplication: true}
				if err := c.Play(directOf(t, queue), time.Sleep); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A standard queue: a receipt handle is good for a change of visibility until the message is deleted, also after its
// timeout has ended and after another receive (LocalStack's tests, validated in April 2024).
func TestADirectStandardQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := &lambdasim.Queue{VisibilityTimeout: 2 * time.Second}
		d := directOf(t, queue)
		bodies := func(most int, visibility time.Duration) (list []string, receipts []string) {
			messages, err := d.Receive(most, visibility)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range messages {
				list, receipts = append(list, m.Body), append(receipts, m.Receipt)
			}
			return list, receipts
		}
		expect := func(what string, got []string, want int) {
			t.Helper()
			if len(got) != want {
				t.Errorf("%s: received %v", what, got)
			}
		}
		if err := d.Send("test", ""); err != nil {
			t.Fatal(err)
		}
		got, receipt := bodies(1, -1)
		expect("at first", got, 1)
		for range 4 { // extended again and again
			time.Sleep(time.Second)
			if err := d.Change(receipt[0], 2*time.Second); err != nil {
				t.Error(err)
			}
			got, _ = bodies(1, -1)
			expect("while it is extended", got, 0)
		}
		time.Sleep(3 * time.Second)
		if err := d.Change(receipt[0], 2*time.Second); err != nil {
			t.Errorf("after its timeout: %v", err)
		}
		got, _ = bodies(1, -1)
		expect("hidden after its timeout", got, 0)
		time.Sleep(2 * time.Second)
		got, _ = bodies(10, 0)
		expect("visible, and left visible", got, 1)
		got, later := bodies(10, 3*time.Second)
		expect("visible still", got, 1)
		if err := d.Change(receipt[0], 0); err != nil {
			t.Errorf("by the receipt of an earlier receive: %v", err)
		}
		got, _ = bodies(10, -1)
		expect("brought back", got, 1)
		if err := d.Delete(later[0]); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second)
		got, _ = bodies(10, 0)
		expect("an earlier receipt deletes nothing", got, 1)
		time.Sleep(time.Second)
		got, last := bodies(10, -1)
		expect("again", got, 1)
		time.Sleep(2 * time.Second)
		if err := errors.Join(d.Delete(last[0]), d.Delete(last[0])); err != nil {
			t.Errorf("after its timeout, and once more: %v", err)
		}
		got, _ = bodies(10, -1)
		expect("deleted", got, 0)
		if visible, inFlight, delayed, err := d.Counts(); visible+inFlight+delayed != 0 || err != nil {
			t.Error(visible, inFlight, delayed, err)
		}
	})
}

// A receive waits for a message: for one that is sent, that becomes visible, or that another one held back.
func TestAReceiveWaits(t *testing.T) {
	for name, c := range map[string]struct {
		before func(t *testing.T, d direct)
		during func(t *testing.T, d direct)
		after  time.Duration
		n      int
	}{
		"for nothing":           {nil, nil, 20 * time.Second, 0},
		"for one that is there": {func(t *testing.T, d direct) { _ = d.Send("a", "g") }, nil, 0, 1},
		"for one that is sent":  {nil, func(t *testing.T, d direct) { time.Sleep(3 * time.Second); _ = d.Send("a", "g") }, 3 * time.Second, 1},
		"for one that is sent otherwise": {nil, func(t *testing.T, d direct) {
			time.Sleep(3 * time.Second)
			d.queue.Send(lambdasim.Message{Body: "a", Group: "g"})
		}, 3 * time.Second, 1},
		"for one that is visible again":   {func(t *testing.T, d direct) { _ = d.Send("a", "g"); _, _ = d.Receive(1, 7*time.Second) }, nil, 7 * time.Second, 1},
		"until the one before is deleted": {nil, func(t *testing.T, d direct) {}, 5 * time.Second, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := directOf(t, &lambdasim.Queue{Name: "q.fifo", ContentBasedDeduplication: true})
			if c.before != nil {
				c.before(t, d)
			}
			if name == "until the one before is deleted" {
				_ = d.Send("a", "g")
				first, _ := d.Receive(1, time.Hour)
				_ = d.Send("b", "g")
				c.during = func(t *testing.T, d direct) {
					time.Sleep(5 * time.Second)
					if err := d.Delete(first[0].Receipt); err != nil {
						t.Error(err)
					}
				}
			}
			if c.during != nil {
				go c.during(t, d)
			}
			began := time.Now()
			list, err := d.Direct.Receive(t.Context(), 10, -1, 20*time.Second)
			if took := time.Since(began).Round(10 * time.Millisecond); len(list) != c.n || err != nil || took != c.after {
				t.Errorf("%s: %v, %v after %v", name, list, err, took)
			}
		})
	}
}

// A queue is used once.
func TestAQueueInDirectUseIsNotForARun(t *testing.T) {
	queue := queueOf("queue", 1)
	directOf(t, queue)
	if _, err := queue.Direct(); err == nil {
		t.Error("it is taken twice")
	}
	if _, err := (lambdasim.Simulation{Source: queue, Handler: &function{}}).Run(t.Context()); err == nil {
		t.Error("a run takes it")
	}
}
