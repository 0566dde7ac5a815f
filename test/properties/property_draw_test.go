package properties

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/test/properties/model"
)

// source is where a plan's batches come from.
type source uint8

const (
	standard source = iota // an SQS standard queue
	fifo
	kinesis
	dynamodb
	topic // of Kafka
)

var sourceNames = [...]string{"SQS standard", "SQS FIFO", "Kinesis", "DynamoDB", "Kafka"}

func (s source) String() string { return sourceNames[s] }

func (s source) stream() bool { return s == kinesis || s == dynamodb }

// order is what a plan says about order.
type order uint8

const (
	ownOrder order = iota // of the source
	unordered
	grouped // by a function
)

var orderNames = [...]string{"its own order", "without order", "grouped by a function"}

func (o order) String() string { return orderNames[o] }

// made is what a plan's processor is made with.
type made uint8

const (
	plainly  made = iota
	typedly       // package typed, and for queues package envelope
	unpacked      // package kpl
	windowed      // package window
	together      // package bulk
)

var madeNames = [...]string{"plain", "typed payloads", "KPL aggregates", "tumbling windows", "batches as a whole"}

func (m made) String() string { return madeNames[m] }

// year and decades are in milliseconds: durations are the user's, and a back-off or a deadline may be that far away. The
// back-offs of all records, one after the other, have to end before the clock of a bubble does, in 2262.
const (
	year    = 365 * 24 * 60 * 60 * 1000
	decades = 20 * year
)

// plan is one draw: a processor and the batches that it is given.
type plan struct {
	number     int64 // among all plans of the process
	made       made
	source     source
	order      order
	raw        bool // JSON through Invoke
	pipe       bool // as an array of a pipe
	returns    bool // the handlers' values are kept
	middleware bool
	policy     troupe.Policy
	decider    *decider // in place of the policy
	errorWhen  troupe.ErrorWhen
	lowestOnly bool
	backoffs   []time.Duration // by attempt
	overlap    bool            // the batches come at the same time, not one after the other
	blames     bool            // the middleware decides how an attempt ends that its handler has succeeded at
	typed      reading
	state      state // of windows
	redeliver  *redelivering
	batches    []batch
}

// batch is what the model knows of a batch, and what it does not need to know.
type batch struct {
	model.Batch
	ids      []string
	given    time.Duration // until the deadline of the context; a pipe waits no longer than its patience
	spoiled  []bool        // the source cannot decode the record
	payloads []written     // of typed handlers
	carriers []carrier     // by user record
	end      ending        // of a window
	whole    model.Act     // of the handler of the whole batch
	receives []int         // by message; 0 where it does not say
	replies  []reply       // by message, to a change of its visibility timeout
}

// decider chooses a policy by record and error.
type decider struct {
	records  []troupe.Policy // by index, over and over
	panicked troupe.Policy   // for a record whose handler panicked
}

func (d *decider) decide(record int, panicked bool) troupe.Policy {
	if panicked {
		return d.panicked
	}
	return d.records[record%len(d.records)]
}

// shape narrows what is drawn.
type shape struct {
	concurrency []int
	records     []int
	instant     bool // nothing takes time, unless a handler hangs
	redelivered bool // with last resorts and package redelivery
	stopping    bool // of these: letters of streams whose batches a failure stops, and nothing else
	long        bool // of these: one group of a FIFO queue that gets other visibility timeouts, and nothing else
}

// plans counts the plans that were drawn.
var plans atomic.Int64

func drawPlan(t *rapid.T, sh shape) *plan {
	p := &plan{
		number: plans.Add(1),
		made: oneOfThese(t, "made", plainly, plainly, plainly, plainly, plainly, windowed, typedly, together, unpacked,
			plainly, plainly, plainly, typedly, plainly, unpacked, plainly, plainly, plainly),
		source:     oneOfThese(t, "source", standard, fifo, kinesis, dynamodb, fifo, kinesis, topic),
		order:      oneOfThese(t, "order", ownOrder, ownOrder, ownOrder, ownOrder, unordered, grouped, grouped),
		raw:        rapid.Bool().Draw(t, "raw"),
		middleware: chance(t, "middleware", 2),
		errorWhen:  oneOfThese(t, "error when", troupe.ErrorWhenAll, troupe.ErrorWhenAny, troupe.ErrorWhenNever),
	}
	if sh.redelivered {
		p.drawRedelivering(t, sh)
	}
	switch p.made {
	case typedly:
		p.typed = p.drawReading(t)
	case unpacked:
		p.source = kinesis
	case windowed:
		p.source, p.order = oneOfThese(t, "stream", kinesis, dynamodb), ownOrder
		p.state = oneOfThese(t, "state", copied, encoded, mapped)
	case together:
		p.order, p.middleware = oneOfThese(t, "order of the whole", ownOrder, ownOrder, unordered), false
	}
	p.blames = p.middleware && chance(t, "it decides", 4)
	p.pipe = p.raw && p.source != topic && p.made != windowed && chance(t, "pipe", 3)
	p.returns = p.made == plainly && chance(t, "returns", 3)
	p.lowestOnly = p.source.stream() && chance(t, "lowest only", 2)
	policies := []troupe.Policy{troupe.Derive, troupe.Continue, troupe.StopGroup, troupe.StopBatch}
	switch {
	case p.made == windowed:
		p.policy = oneOfThese(t, "policy", troupe.Derive, troupe.StopBatch)
	case sh.stopping:
		p.policy = troupe.StopBatch
	case p.made != together && chance(t, "decider", 2):
		p.decider = &decider{
			records:  rapid.SliceOfN(rapid.SampledFrom(policies), 1, 5).Draw(t, "decider's policies"),
			panicked: oneOfThese(t, "decider's policy for a panic", policies...),
		}
	default:
		p.policy = oneOfThese(t, "policy", policies...)
	}

	b := model.Batch{
		Grouped:     p.order == grouped,
		Ordered:     p.order == grouped || p.order == ownOrder && p.source != standard,
		Concurrency: oneOfThese(t, "concurrency", sh.concurrency...),
		Directive:   p.directive,
	}
	single := p.made != together && !sh.stopping && !sh.long // about single records
	if single && !chance(t, "no retry", 1) {
		b.Retries = rapid.IntRange(1, 3).Draw(t, "retries")
		b.RetryPanics = rapid.Bool().Draw(t, "retry panics")
		for i := range b.Retries {
			d := time.Duration(0)
			if !sh.instant {
				d = unlike(drawDuration(t, "back-off", 1, 10, 50, 200, year), i)
			}
			p.backoffs = append(p.backoffs, d)
		}
		b.Backoff = func(attempt int) time.Duration { return p.backoffs[min(attempt, b.Retries)-1] }
	}
	if single && chance(t, "limit a record", 2) {
		b.RecordTimeout = unlike(drawDuration(t, "record timeout", 300, 100, 50, 20, 5), 10)
		if chance(t, "as long as can be", 1) {
			b.RecordTimeout = math.MaxInt64
		}
	}
	if chance(t, "reserve set", 2) {
		b.Reserve = drawDuration(t, "reserve", 100, 10, 20, 400, 2000)
		if chance(t, "longer than there is", 1) {
			b.Reserve = math.MaxInt64
		}
	}

	invocations := oneOfThese(t, "batches", 1, 1, 1, 1, 1, 1, 2, 2)
	p.overlap = invocations > 1 && !sh.redelivered && rapid.Bool().Draw(t, "together")
	for no := range invocations {
		p.batches = append(p.batches, p.drawBatch(t, sh, b, no))
	}
	return p
}

func (p *plan) drawBatch(t *rapid.T, sh shape, b model.Batch, no int) batch {
	b.Left, b.Cancel = model.Never, model.Never
	end := "none"
	if !sh.stopping && !sh.long {
		end = oneOfThese(t, "end", "none", "deadline", "deadline", "cancel", "deadline", "deadline and cancel", "none", "deadline", "expired", "cancelled")
	}
	switch end {
	case "deadline":
		b.Left = drawDuration(t, "time left", 3000, 1000, 400, 200, 80, 40, 25, 20, 19, 11, 5, 1, decades)
	case "cancel":
		b.Cancel = unlike(drawDuration(t, "cancelled at", 500, 200, 50, 5), 20+no)
	case "deadline and cancel":
		b.Left = drawDuration(t, "time left", 3000, 1000, 400, 200, 80, 30, 15, decades)
		b.Cancel = unlike(drawDuration(t, "cancelled at", 500, 200, 50, 5), 20+no)
	case "expired":
		b.Left = -time.Millisecond
	case "cancelled":
		b.Cancel = 0
	}
	given := b.Left
	if p.pipe {
		b.Left = min(b.Left, patience)
	}
	limited := limited(b)
	groups := rapid.IntRange(1, 5).Draw(t, "groups")
	if sh.long {
		groups = 1
	}
	troubled := oneOfThese(t, "trouble", 6, 3, 4, 0)
	if sh.redelivered {
		troubled = max(troubled, 4)
	}
	n := oneOfThese(t, "records", sh.records...)
	for i := range n {
		record := model.Record{Group: oneOfThese(t, "group", []string{"a", "b", "c", "d", ""}[:groups]...)}
		for attempt := range 1 + b.Retries {
			act := drawAct(t, sh, troubled, limited, (no*100+i+1)*100+attempt)
			if act.Do == model.LeaveOut && p.made == windowed { // a state is of all records
				act.Do = model.FailJoined
			}
			record.Acts = append(record.Acts, act)
		}
		b.Records = append(b.Records, record)
	}
	drawn := batch{Batch: b, given: given}
	switch {
	case p.source == topic:
		drawn.ids = p.drawOffsets(t, b.Records)
	case p.made == unpacked:
		drawn.drawCarriers(t)
	case p.made == windowed:
		drawn.ids = ascending(n)
		drawn.end = drawEnding(t, sh, b, no)
		for i := range b.Records {
			b.Records[i].Group = shard
		}
	default:
		drawn.ids = drawIDs(t, n)
	}
	if p.made == together {
		drawn.whole = drawWhole(t, sh, b, no)
	}
	if p.made == typedly {
		p.drawPayloads(t, sh, &drawn, no)
	}
	p.drawSpoiled(t, &drawn)
	if sh.redelivered {
		p.drawRedelivery(t, sh, &drawn, no)
	}
	if p.order == grouped && (b.Left < 20*time.Millisecond || b.Cancel == 0) {
		// It is too late on arrival: the group function is not called at all, and to blame for nothing.
		for i := range drawn.Records {
			drawn.Records[i].Ungrouped = false
		}
	}
	return drawn
}

// patience is how long a pipe waits (S10).
const patience = 5 * time.Minute

// limited reports whether something ends a batch in which a handler hangs. Without it that handler holds up its
// batch forever (D5).
func limited(b model.Batch) bool {
	return b.Left != model.Never || b.Cancel != model.Never || b.RecordTimeout > 0 && b.RecordTimeout < math.MaxInt64
}

// drawSpoiled draws which records the source cannot decode. Only in JSON there can be such records.
func (p *plan) drawSpoiled(t *rapid.T, b *batch) {
	b.spoiled = make([]bool, len(b.Records))
	if !p.raw || !chance(t, "undecodable records", 1) {
		return
	}
	for i := range b.Records {
		if len(b.carriers) > 0 && b.carriers[i].users > 1 || !chance(t, "undecodable", 1) {
			continue
		}
		b.spoiled[i] = true
		b.unreadable(i, model.Undecodable)
		// A function of the user's cannot be asked then. Nor is it known which keys were in an aggregate.
		b.Records[i].Ungrouped = p.order == grouped || p.made == unpacked
	}
}

// unreadable has the handler not called for record i.
func (b *batch) unreadable(i int, do model.Do) {
	for attempt := range b.Records[i].Acts {
		b.Records[i].Acts[attempt] = model.Act{Do: do}
	}
}

// drawAct draws an act of which troubled in 8 are not plain successes.
func drawAct(t *rapid.T, sh shape, troubled int, limited bool, no int) model.Act {
	var act model.Act
	if !sh.instant {
		act.For = unlike(drawDuration(t, "for", 5, 1, 2, 10, 20, 50, 100, 200, 400), no)
	}
	if !chance(t, "trouble here", troubled) {
		return act
	}
	act.Do = oneOfThese(t, "do", model.Fail, model.Fail, model.Fail, model.FailForGood, model.Panic, model.Goexit, model.Hang, model.OK,
		model.FailJoined, model.FailNil, model.FailBadly, model.PanicBadly, model.LeaveOut, model.FailMute)
	act.Deaf = rapid.Bool().Draw(t, "deaf")
	if rapid.Bool().Draw(t, "lags") {
		act.Lag = unlike(0, no+50)
	}
	if (act.Do == model.Hang || act.Do == model.FailMute) && !limited {
		act.Do = model.Fail
	}
	return act
}

// ascending are identifiers of n records of a shard.
func ascending(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strconv.Itoa(97 + i)
	}
	return ids
}

// drawIDs draws identifiers as queues and streams have them, some of them more than once in a batch.
func drawIDs(t *rapid.T, n int) []string {
	ids := make([]string, n)
	style := oneOfThese(t, "identifiers", "ascending", "descending", "long", "mixed")
	repeated := chance(t, "repeated identifiers", 2)
	for i := range ids {
		switch style {
		case "ascending":
			ids[i] = strconv.Itoa(97 + i)
		case "descending":
			ids[i] = strconv.Itoa(103 + n/100*900 - i) // never below zero
		case "long":
			ids[i] = "4959033827149025660855969253836157109592157598913658" + strconv.Itoa(97+i)
		case "mixed":
			ids[i] = []string{"message-", "", "0"}[i%3] + strconv.Itoa(97+i)
		}
		if repeated && i > 0 && chance(t, "repeat", 2) {
			ids[i] = ids[rapid.IntRange(0, i-1).Draw(t, "of")]
		}
	}
	return ids
}

// partitions are those of the groups a record may be drawn to be in, so that they come in an order that is
// neither that of the groups nor that of their names as text.
var partitions = map[string]kafka.Record{
	"a": {Topic: "orders", Partition: 10}, "b": {Topic: "orders", Partition: 2}, "c": {Topic: "orders-2"}, "d": {Topic: "a"}, "": {Topic: "orders"},
}

// drawOffsets draws the identifiers of Kafka records, some of them more than once in a batch, and puts the
// records in batch order: by topic, partition and offset. Where the source's own order is used, the groups
// are the partitions; where a function groups, there is one partition.
func (p *plan) drawOffsets(t *rapid.T, records []model.Record) []string {
	place := func(r model.Record) kafka.Record { return partitions[r.Group] }
	if p.order == grouped {
		place = func(model.Record) kafka.Record { return partitions["a"] }
	}
	slices.SortStableFunc(records, func(x, y model.Record) int {
		return cmp.Or(cmp.Compare(place(x).Topic, place(y).Topic), cmp.Compare(place(x).Partition, place(y).Partition))
	})
	ids := make([]string, len(records))
	repeated := chance(t, "repeated identifiers", 2)
	offset := int64(oneOfThese(t, "first offset", 97, 0, math.MaxInt64-1000))
	for i := range records {
		if i > 0 && (!repeated || !chance(t, "repeat", 2)) {
			offset++
		}
		r := place(records[i])
		r.Offset = offset
		ids[i] = r.ID()
		if p.order != grouped {
			records[i].Group, _, _ = strings.Cut(ids[i], "@")
		}
	}
	return ids
}

// directive resolves Derive, as SPEC P4 has it.
func (p *plan) directive(record int, why model.Why) model.Directive {
	policy := p.policy
	if p.decider != nil {
		policy = p.decider.decide(record, why.Has(model.Panicked))
	}
	if policy == troupe.Derive {
		switch {
		case p.source == fifo || p.made == windowed:
			policy = troupe.StopBatch
		case p.source == standard || p.order == unordered:
			policy = troupe.Continue
		default:
			policy = troupe.StopGroup
		}
	}
	return map[troupe.Policy]model.Directive{troupe.Continue: model.Continue, troupe.StopGroup: model.StopGroup, troupe.StopBatch: model.Stop}[policy]
}

// unlike makes durations of whole milliseconds unlike each other, below a millisecond, so that no two
// things happen at the same instant unless they start together. It is not drawn: rapid would find that
// the smallest plan is one where everything coincides.
func unlike(d time.Duration, no int) time.Duration {
	x := uint64(no+1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>31) * 0xbf58476d1ce4e5b9
	return d + time.Duration(1+(x>>32)%999_998)
}

func drawDuration(t *rapid.T, label string, milliseconds ...int) time.Duration {
	return time.Duration(oneOfThese(t, label, milliseconds...)) * time.Millisecond
}

// oneOfThese draws one of these, the first ones a little more often. They are also the simpler ones.
func oneOfThese[T any](t *rapid.T, label string, these ...T) T {
	return rapid.SampledFrom(these).Draw(t, label)
}

// chance draws true about eighths times in eight.
func chance(t *rapid.T, label string, eighths int) bool {
	return rapid.IntRange(0, 7).Draw(t, label) >= 8-eighths
}

// carriage tells how record i is carried, if that is not the usual way.
func (b batch) carriage(i int) (s string) {
	if b.spoiled[i] {
		s = " undecodable by the source"
	}
	if b.payloads != nil {
		s += fmt.Sprintf(" %v", b.payloads[i])
	}
	if b.carriers != nil {
		s += fmt.Sprintf(" %+v", b.carriers[i])
	}
	return s
}

// String tells a plan in lines that a person can work with.
func (p *plan) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%v, %v, %v", p.made, p.source, p.order)
	if p.made == typedly {
		fmt.Fprintf(&s, " (%+v)", p.typed)
	}
	if p.decider != nil {
		fmt.Fprintf(&s, ", decider %v, of panics %v", p.decider.records, p.decider.panicked)
	} else {
		fmt.Fprintf(&s, ", policy %v", p.policy)
	}
	fmt.Fprintf(&s, ", error when %d, lowest only %v, raw %v, pipe %v, values %v, overlapping %v, middleware %v, blaming %v\n", p.errorWhen, p.lowestOnly, p.raw, p.pipe, p.returns, p.overlap, p.middleware, p.blames)
	if p.redeliver != nil {
		fmt.Fprintf(&s, "redelivery: %+v\n", *p.redeliver)
	}
	for _, b := range p.batches {
		fmt.Fprintf(&s, "batch: concurrency %d", b.Concurrency)
		if b.Retries > 0 {
			fmt.Fprintf(&s, ", back-offs %v, panics too %v", p.backoffs, b.RetryPanics)
		}
		if b.RecordTimeout > 0 {
			fmt.Fprintf(&s, ", record timeout %v", b.RecordTimeout)
		}
		if b.Left != model.Never {
			fmt.Fprintf(&s, ", time left %v, reserve %v", b.Left, b.Reserve)
		}
		if b.Cancel != model.Never {
			fmt.Fprintf(&s, ", cancelled at %v", b.Cancel)
		}
		s.WriteByte('\n')
		for i, record := range b.Records {
			fmt.Fprintf(&s, "  record %d, id %q, group %q:", i, b.ids[i], record.Group)
			for _, act := range record.Acts {
				fmt.Fprintf(&s, " %s after %v", [...]string{"ok", "fail", "fail for good", "panic", "goexit", "hang", "undecodable", "undecodable and dropped", "fail with a drop beside", "nil pointer", "fail badly", "panic badly", "leave out", "fail mutely"}[act.Do], act.For)
				if act.Within {
					s.WriteString(" in its payload's method")
				}
				if act.Busy {
					s.WriteString(" (in progress elsewhere)")
				}
				if act.Deaf {
					s.WriteString(" (deaf)")
				} else if act.Lag > 0 {
					fmt.Fprintf(&s, " (lag %v)", act.Lag)
				}
				s.WriteByte(',')
			}
			s.WriteString(b.carriage(i))
			s.WriteString(b.redelivery(i))
			s.WriteByte('\n')
		}
		if p.made == windowed {
			fmt.Fprintf(&s, "  window: %+v\n", b.end)
		}
		if p.made == together {
			fmt.Fprintf(&s, "  the whole batch: %+v\n", b.whole)
		}
	}
	return s.String()
}
