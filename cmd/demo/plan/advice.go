package plan

import (
	"fmt"
	"sort"
	"strconv"
	"time"
)

// knob is a setting that can be raised from a value up to another.
type knob struct {
	flag     string
	from, to int
	set      func(*Question, int)
	text     func(int) string
}

// knobs returns the settings that may help, the cheapest first.
func (q Question) knobs() []knob {
	list := []knob{{flag: "concurrency", from: q.Concurrency, to: max(q.most(), q.Concurrency), set: func(q *Question, v int) { q.Concurrency = v }}}
	batch := maxBatch
	switch {
	case q.Source == FIFO, q.Source == SQS && *q.Window == 0:
		batch = maxBatchWithoutWindow
	}
	list = append(list, knob{flag: "batch", from: q.Batch, to: batch, set: func(q *Question, v int) { q.Batch = v }})
	if q.MaximumConcurrency > 0 {
		list = append(list, knob{flag: "max-concurrency", from: q.MaximumConcurrency, to: maxMaximumConcurrency, set: func(q *Question, v int) { q.MaximumConcurrency = v }})
	}
	if q.Source.stream() {
		list = append(list, knob{flag: "factor", from: q.Factor, to: maxFactor, set: func(q *Question, v int) { q.Factor = v }})
	}
	if !q.Source.queue() {
		list = append(list, knob{flag: "shards", from: q.Shards, to: maxShards, set: func(q *Question, v int) { q.Shards = v }})
	}
	if q.Source == FIFO {
		list = append(list, knob{flag: "groups", from: q.Groups, to: maxAccount, set: func(q *Question, v int) { q.Groups = v }})
	}
	if most := q.mostPollers(); most > 0 {
		least := max(q.Pollers.Minimum, minQueuePollers)
		list = append(list, knob{
			flag: "pollers", from: max(q.Pollers.Maximum, least-1), to: most,
			set:  func(q *Question, v int) { q.Pollers = Pollers{min(least, v), v} },
			text: func(v int) string { return fmt.Sprintf("%d:%d", min(least, v), v) },
		})
	}
	return append(list, knob{flag: "account", from: q.Account, to: maxAccount, set: func(q *Question, v int) { q.Account = v }})
}

// mostPollers returns the number of provisioned pollers that may help; 0 means none.
func (q Question) mostPollers() int {
	switch {
	case q.Source.queue():
		return maxQueuePollers
	case q.Source == Kafka && q.Pollers.provisioned():
		return maxTopicPollers
	default:
		return 0
	}
}

// hasRoom reports whether the rate leaves room to spare, and batches have enough time.
func (q Question) hasRoom() bool {
	return q.Rate <= room*q.capacity() && (q.Timeout == 0 || q.full().Takes <= q.Timeout-reserve(q.Timeout))
}

// changes returns the settings that each suffice alone, with the smallest sufficient values.
func (q Question) changes() (list []Change) {
	if q.hasRoom() {
		return nil
	}
	for _, k := range q.knobs() {
		does := func(v int) bool {
			changed := q
			k.set(&changed, v)
			return changed.hasRoom()
		}
		if k.from >= k.to || !does(k.to) {
			continue
		}
		v := k.from + 1 + sort.Search(k.to-k.from-1, func(i int) bool { return does(k.from + 1 + i) })
		text := strconv.Itoa(v)
		if k.text != nil {
			text = k.text(v)
		}
		list = append(list, Change{k.flag, text})
	}
	return list
}

// notes returns sentences about facts that the numbers do not show.
func (a Answer) notes() (list []string) {
	q := a.Question
	note := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	if q.Timeout > 0 {
		if limit := q.Timeout - reserve(q.Timeout); a.Full.Takes > limit {
			note("A full batch takes %v, but contexts end %v before the timeout of %v: lower --batch to %d, or raise the timeout.",
				a.Full.Takes, reserve(q.Timeout), q.Timeout, q.mostWithin(limit))
		}
		if q.Source.queue() {
			note("Visibility timeout: %v or more, six times the function's timeout%s.", visibilityTimeouts*q.Timeout+*q.Window, withWindow(*q.Window))
		}
	} else if a.Full.Takes > maxTimeout-reserve(maxTimeout) {
		note("A full batch takes %v, but a function may take at most %v: lower --batch to %d.", a.Full.Takes, maxTimeout, q.mostWithin(maxTimeout-reserve(maxTimeout)))
	}
	a.noteOrder(note)
	if a.nearlyEmpty() {
		a.noteEmpty(note)
	}
	if q.Source == Kinesis && q.Rate > shardRecords*float64(q.Shards) {
		note("A Kinesis shard accepts 1,000 records per second: the rate needs %d shards.", ceil(q.Rate/shardRecords))
	}
	if q.Source == FIFO && q.Rate > fifoMessages {
		note("A FIFO queue without high throughput accepts 3,000 messages per second, in batches of 10.")
	}
	if q.Source == Kafka {
		if q.Pollers.provisioned() {
			note("AWS does not document how fast pollers are added: this assumes all of them from the start.")
		} else {
			note("Partial batch responses for Kafka need provisioned mode: --pollers. AWS documents no numbers for scaling without it: this assumes one batch per partition at a time.")
		}
	}
	return list
}

// noteEmpty warns of nearly empty batches and names a remedy.
func (a Answer) noteEmpty(note func(string, ...any)) {
	text := "Batches are nearly empty: while environments are available, records do not wait for each other, and --concurrency has no effect on a batch of one."
	if f := a.Fuller; f != nil {
		text += fmt.Sprintf(" --window %v results in batches of about %d and %s environments on average, and delays records by up to %v", f.Window, f.Usual.Records, number(f.InUse), f.Window)
		if f.Usual.Records == a.Full.Records {
			text += "; a larger --batch saves more"
		}
		text += "."
	}
	note("%s", text)
}

func (a Answer) noteOrder(note func(string, ...any)) {
	q := a.Question
	if !q.Source.ordered() {
		return
	}
	what := "key"
	if q.Source == FIFO {
		what = "message group"
	}
	each := float64(time.Second) / float64(q.Work)
	note("Order: the records of a %s are handled one at a time, at most %s per second, whatever the settings.", what, number(each))
	if a.Full.AtOnce < float64(min(q.Concurrency, a.Full.Records)) {
		note("A batch has too few of them for %d handlers at once: %s on average.", q.Concurrency, number(a.Full.AtOnce))
	}
	if deep := q.batch(q.most(), 1); q.Source == FIFO && deep.Takes > a.Full.Takes {
		capacity := float64(q.atOnce()) * deep.perSecond()
		note("A backlog is slower: with %d waiting messages per group a batch has one group and takes %v, so only %s records per second are handled.",
			q.most(), deep.Takes, number(capacity))
		if capacity < q.Rate {
			note("That is less than the rate, so such a backlog keeps growing.")
		}
	}
	if q.Source != FIFO && q.Groups > 0 && q.lanes() > 1 {
		note("A hash distributes keys: with %d of them, some %s have more than others.", q.Groups, q.laneName())
	}
}

func withWindow(window time.Duration) string {
	if window == 0 {
		return ""
	}
	return " and the window"
}

// mostWithin returns the size of the largest batch that can be handled in that time.
func (q Question) mostWithin(limit time.Duration) int {
	n := sort.Search(q.most(), func(i int) bool { return q.batch(i+1, q.groupsIn()).Takes > limit })
	return max(n, 1)
}

// number returns x with two decimals or none.
func number(x float64) string {
	if x >= 100 || x == float64(int(x)) {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}
