package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// The defaults of AWS.
const (
	defaultTimeout    = 3 // seconds, of a function
	defaultVisibility = 30
	timeouts          = 6 // that the visibility timeout must be long
	smallBatch        = 10
)

// Finding is the result of a rule at a place.
type Finding struct {
	Rule    Rule
	Known   bool // false: the file does not contain what the rule needs
	File    string
	Line    int // from 1, as is Column
	Column  int
	Subject string // the resource, or the function and the event
	Message string
}

// urgency is lower for findings that come first: where AWS ignores the response, every failed record is lost.
func (f Finding) urgency() int {
	if !f.Known {
		return 2
	}
	switch f.Rule {
	case partialResponse, kafkaProvisioned, pipeInvocation, pipeEnrichment:
		return 0
	}
	return 1
}

// judge applies the rules to a deployment.
type judge struct {
	deployment
	findings []Finding
}

func (j *judge) add(rule Rule, known bool, at place, message string) {
	j.findings = append(j.findings, Finding{rule, known, at.file, max(at.at.line, 1), max(at.at.column, 1), at.subject, message})
}

// fault reports that a rule is broken.
func (j *judge) fault(rule Rule, at place, format string, args ...any) {
	j.add(rule, true, at, fmt.Sprintf(format, args...))
}

// open reports that a rule could not be decided.
func (j *judge) open(rule Rule, at place, format string, args ...any) {
	j.add(rule, false, at, fmt.Sprintf(format, args...))
}

// in returns the place of a setting at p.
func (p place) in(s setting) place { return place{p.file, s.at, p.subject} }

func (j *judge) all() []Finding {
	for _, q := range j.queues {
		if j.isSource(q) {
			j.queue(q)
		}
	}
	for _, m := range j.mappings {
		j.mapping(m)
	}
	for _, p := range j.pipes {
		j.pipe(p)
	}
	for _, p := range j.unread {
		j.open(unread, p, "check cannot read this part")
	}
	slices.SortStableFunc(j.findings, func(a, b Finding) int {
		return cmp.Or(a.urgency()-b.urgency(), strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.Rule.ID, b.Rule.ID))
	})
	return slices.CompactFunc(j.findings, func(a, b Finding) bool { return a == b })
}

// isSource reports whether a queue is read by a mapping or pipe. A queue that is checked alone, as the JSON of the AWS CLI,
// counts, unless it is the dead-letter queue of another.
func (j *judge) isSource(q *queue) bool {
	alone := q.id.key == ""
	for _, m := range j.mappings {
		if j.deployment.queue(m.from, m.file) == q {
			return true
		}
	}
	for _, p := range j.pipes {
		if j.deployment.queue(p.from, p.file) == q {
			return true
		}
	}
	for _, other := range j.queues {
		if j.deployment.queue(other.deadLetter, other.file) == q {
			return false
		}
	}
	return alone
}

func (j *judge) queue(q *queue) {
	at := q.in(q.redrive)
	switch {
	case q.redrive.absent():
		j.fault(redrivePolicy, at, "the queue has no redrive policy")
		return
	case q.redrive.hidden() && q.deadLetter.key == "":
		j.open(redrivePolicy, at, "%v", q.redrive)
		return
	}
	fifo, known := j.isFIFO(q)
	if !known {
		j.open(deadLetterType, q.in(q.fifo), "%v", q.fifo)
		return
	}
	deadFIFO, known, why := j.isFIFOReference(q.deadLetter, q.file)
	switch {
	case !known:
		j.open(deadLetterType, at, "the file does not contain the type of the dead-letter queue: %s", why)
	case fifo && !deadFIFO:
		j.fault(deadLetterType, at, "the dead-letter queue of a FIFO queue must be a FIFO queue")
	case !fifo && deadFIFO:
		j.fault(deadLetterType, at, "the dead-letter queue of a standard queue must be a standard queue")
	}
}

func (j *judge) isFIFO(q *queue) (fifo, known bool) {
	if strings.HasSuffix(q.id.arn, ".fifo") || strings.HasSuffix(q.id.name, ".fifo") {
		return true, true
	}
	if q.id.arn != "" {
		return false, true
	}
	return q.fifo.truth()
}

// isFIFOReference is isFIFO for a reference to a queue. If the answer is not known, why is the text of the reference.
func (j *judge) isFIFOReference(r reference, file string) (fifo, known bool, why string) {
	if q := j.deployment.queue(r, file); q != nil {
		fifo, known = j.isFIFO(q)
		return fifo, known, q.fifo.String()
	}
	if r.literal != "" {
		return strings.HasSuffix(r.literal, ".fifo"), true, ""
	}
	if service(r.hidden) == "sqs" && !strings.HasSuffix(r.hidden, "}") { // arn:aws:sqs:${AWS::Region}:…:name
		return strings.HasSuffix(r.hidden, ".fifo"), true, ""
	}
	return false, false, r.hidden
}

func (j *judge) mapping(m *eventMapping) {
	switch m.source {
	case otherSource:
		return
	case unknownSource:
		j.open(partialResponse, m.place, "the file does not contain the type of the event source: %s", cmp.Or(m.from.hidden, m.from.literal, "no event source"))
	}
	j.responses(m)
	switch m.source {
	case sqs:
		j.batch(m)
		j.visibility(m.place, m.from, m.function, m.window)
	case kinesis, dynamodb:
		j.stream(m.place, m.source, m.retries, m.age, m.destination)
	case kafka:
		switch {
		case m.provisioned.absent():
			j.fault(kafkaProvisioned, m.place, "no provisioned mode, so Lambda ignores the response")
			return
		case m.provisioned.doubtful():
			j.open(kafkaProvisioned, m.in(m.provisioned), "%v", m.provisioned)
		}
		j.stream(m.place, m.source, m.retries, m.age, m.destination)
	}
}

func (j *judge) responses(m *eventMapping) {
	rule, at := partialResponse.pageOf(m.source), m.in(m.responses)
	value := m.responses.value
	switch {
	case value == nil:
		if m.source != unknownSource {
			j.fault(rule, at, "FunctionResponseTypes does not contain ReportBatchItemFailures")
		}
		return
	case value.kind == hidden:
		j.open(rule, at, "%v", m.responses)
		return
	}
	items := value.items
	if value.kind == scalar {
		items = []*node{value}
	}
	for _, item := range items {
		if item.string() == "ReportBatchItemFailures" {
			return
		}
	}
	for _, item := range items {
		if item.kind == hidden {
			j.open(rule, at, "FunctionResponseTypes contains %s", item.text)
			return
		}
	}
	j.fault(rule, at, "FunctionResponseTypes does not contain ReportBatchItemFailures")
}

func (j *judge) batch(m *eventMapping) {
	at := m.in(m.batch)
	size, known := m.batch.number(smallBatch)
	if !known {
		j.open(batchWindow, at, "%v", m.batch)
		return
	}
	if size <= smallBatch {
		return
	}
	fifo, known, why := j.isFIFOReference(m.from, m.file)
	if known && fifo {
		j.fault(batchWindow, at, "BatchSize is %d; for a FIFO queue it must be at most %d", size, smallBatch)
		return
	}
	window, windowKnown := m.window.number(0)
	switch {
	case !windowKnown:
		j.open(batchWindow, m.in(m.window), "%v", m.window)
	case window < 1:
		j.fault(batchWindow, at, "BatchSize is %d and the batching window is %d s; with more than %d messages it must be at least 1 s", size, window, smallBatch)
	case !known && why != "":
		// As far as is known this is a standard queue, which is right.
	}
}

// visibility checks the visibility timeout of a queue against the timeout of the function that reads it.
func (j *judge) visibility(at place, from, reader reference, window setting) {
	q := j.deployment.queue(from, at.file)
	if q == nil {
		at.at = cmp.Or(from.at, at.at)
		name := cmp.Or(from.literal, from.hidden, "no queue")
		j.open(visibilityTimeout, at, "the queue is not in the files: %s", name)
		j.open(redrivePolicy, at, "the queue is not in the files: %s", name)
		return
	}
	where := q.in(q.visibility)
	visibility, known := q.visibility.number(defaultVisibility)
	if !known {
		j.open(visibilityTimeout, where, "%v", q.visibility)
		return
	}
	f := j.deployment.function(reader, at.file)
	if f == nil {
		j.open(visibilityTimeout, where, "the function %s is not in the files", cmp.Or(lastName(reader.literal), reader.hidden, reader.key, "of the mapping"))
		return
	}
	timeout, known := f.timeout.number(defaultTimeout)
	if !known {
		j.open(visibilityTimeout, where, "%v of %s", f.timeout, f.subject)
		return
	}
	seconds, known := window.number(0)
	if !known {
		// Whatever the window is, it makes the least only longer.
		if visibility >= timeouts*timeout {
			j.open(visibilityTimeout, where, "%v of %s", window, at.subject)
			return
		}
		seconds = 0
	}
	if least := timeouts*timeout + seconds; visibility < least {
		given := fmt.Sprintf("%d s", visibility)
		if q.visibility.absent() {
			given += " by default"
		}
		text := fmt.Sprintf("six times the %d s timeout of %s", timeout, f.subject)
		if seconds > 0 {
			text += fmt.Sprintf(" plus the window of %d s", seconds)
		}
		j.fault(visibilityTimeout, where, "the visibility timeout is %s; it must be at least %d s, %s", given, least, text)
	}
}

func (j *judge) stream(at place, source sourceKind, retries, age, destination setting) {
	bounded, open := false, setting{}
	for _, bound := range []setting{retries, age} {
		n, known := bound.number(-1)
		switch {
		case !known:
			open = bound
		case n >= 0:
			bounded = true
		}
	}
	rule := streamBounds.pageOf(source)
	switch {
	case bounded:
	case open.value != nil:
		j.open(rule, at.in(open), "%v", open)
	default:
		j.fault(rule, at, "neither %s nor %s bounds the retries", retries.name, age.name)
	}
	rule = streamDestination.pageOf(source)
	switch {
	case destination.absent():
		j.fault(rule, at.in(destination), "discarded records have no destination: no %s", destination.name)
	case destination.doubtful():
		j.open(rule, at.in(destination), "%v", destination)
	}
}

func (j *judge) pipe(p *pipe) {
	if !p.enrichment.absent() {
		where := place{p.file, p.enrichment.at, p.subject}
		if p.enrichment.key != "" && j.deployment.function(p.enrichment, p.file) != nil || service(p.enrichment.literal) == "lambda" {
			j.fault(pipeEnrichment, where, "the pipe does not read failed records from the response of its enrichment")
		} else {
			j.open(pipeEnrichment, where, "the enrichment is %s", cmp.Or(p.enrichment.hidden, p.enrichment.literal))
		}
	}
	if p.target.absent() {
		return
	}
	at := p.in(p.invocation)
	switch {
	case p.invocation.hidden():
		j.open(pipeInvocation, at, "%v", p.invocation)
	case p.invocation.value.string() == "FIRE_AND_FORGET":
		j.fault(pipeInvocation, at, "InvocationType is FIRE_AND_FORGET, so the response is ignored")
	}
	switch p.source {
	case sqs:
		j.visibility(p.place, p.from, p.target, p.window)
	case kinesis, dynamodb:
		j.stream(p.place, p.source, p.retries, p.age, p.deadLetter)
	case unknownSource:
		j.open(redrivePolicy, place{p.file, cmp.Or(p.from.at, p.at), p.subject}, "the file does not contain the type of the source: %s", cmp.Or(p.from.hidden, p.from.literal, "no source"))
	}
}
