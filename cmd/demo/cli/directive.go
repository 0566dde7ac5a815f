package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/firehose"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/s3batch"
)

// The actions of a directive.
const (
	doOK    = "ok"
	doFail  = "fail"
	doPanic = "panic"
	doExit  = "exit" // runtime.Goexit
	doHang  = "hang" // ignore the context and never return
)

// doKill kills the process after the work, in a run with --idempotent. A record cannot request it.
const doKill = "kill"

// The names of a directive's parts.
const (
	partDo    = "do"
	partFor   = "for"
	partTimes = "times"
)

var errTold = errors.New("failed as directed")

const panicTold = "panic as directed"

// directive is what the handler should do with a record.
type directive struct {
	do    string
	work  time.Duration // before that
	times int           // how many attempts do it, later ones succeed; negative for all
}

// part is a part of a directive as the record contains it. The zero value is an absent part.
type part struct {
	kind partKind
	text string // of a string or a number
}

type partKind uint8

const (
	absent partKind = iota
	isString
	isNumber
	isOther
)

// inJSON reads the directive from the text of a record. Text that is not a JSON object has none.
func inJSON(text []byte) (directive, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil {
		return readDirective(func(string) part { return part{} })
	}
	return readDirective(func(name string) part {
		var value any
		raw := object[name]
		_ = json.Unmarshal(raw, &value) // it is valid or missing
		switch value := value.(type) {
		case nil:
			return part{}
		case string:
			return part{isString, value}
		case float64:
			return part{isNumber, string(raw)}
		default:
			return part{kind: isOther}
		}
	})
}

// inItem reads the directive from a change of a DynamoDB item: from the new image or, if that has none,
// from the keys.
func inItem(change events.DynamoDBStreamRecord) (directive, error) {
	item := change.NewImage
	if !hasDirective(item) {
		item = change.Keys
	}
	return readDirective(func(name string) part {
		value, ok := item[name]
		switch {
		case !ok || value.IsNull():
			return part{}
		case value.DataType() == events.DataTypeString:
			return part{isString, value.String()}
		case value.DataType() == events.DataTypeNumber:
			return part{isNumber, value.Number()}
		default:
			return part{kind: isOther}
		}
	})
}

func hasDirective(item map[string]events.DynamoDBAttributeValue) bool {
	for _, name := range []string{partDo, partFor, partTimes} {
		if _, ok := item[name]; ok {
			return true
		}
	}
	return false
}

// readDirective assembles a directive from its parts. The error names the invalid part.
func readDirective(get func(name string) part) (directive, error) {
	d := directive{do: doOK, times: -1}
	switch p := get(partDo); {
	case p.kind == absent:
	case p.kind == isString && isDeed(p.text):
		d.do = p.text
	default:
		return d, fmt.Errorf(`directive: "do" is %v; must be one of ok, fail, panic, exit, hang`, p)
	}
	if p := get(partFor); p.kind != absent {
		work, err := time.ParseDuration(p.text)
		if p.kind != isString || err != nil || work < 0 {
			return d, fmt.Errorf(`directive: "for" is %v; must be a duration of at least 0 in a string such as "20ms"`, p)
		}
		d.work = work
	}
	if p := get(partTimes); p.kind != absent {
		times, err := strconv.Atoi(p.text)
		if err != nil || times < 0 {
			return d, fmt.Errorf(`directive: "times" is %v; must be a whole number of at least 0`, p)
		}
		d.times = times
	}
	return d, nil
}

func isDeed(s string) bool {
	switch s {
	case doOK, doFail, doPanic, doExit, doHang:
		return true
	default:
		return false
	}
}

// String returns the part for an error, in bounded length.
func (p part) String() string {
	text := p.text
	if runes := []rune(text); len(runes) > 40 {
		text = string(runes[:40]) + "…"
	}
	switch p.kind {
	case isString:
		return strconv.Quote(text)
	case isNumber:
		return text
	default:
		return "neither string nor number"
	}
}

// player is the demo's handler for each source: it does what the records say. Attempts are counted for the
// life of the process, since Lambda redelivers a failed record to the same process; this takes memory for
// each identifier whose directive has times.
type player struct {
	never <-chan struct{} // what a hanging handler waits for; nil outside tests

	mu       sync.Mutex
	attempts map[string]int
}

func (p *player) sqs(ctx context.Context, msg events.SQSMessage) error {
	d, err := inJSON([]byte(msg.Body))
	return p.play(ctx, msg.MessageId, d, err)
}

func (p *player) kinesis(ctx context.Context, record events.KinesisEventRecord) error {
	d, err := inJSON(record.Kinesis.Data)
	return p.play(ctx, record.Kinesis.SequenceNumber, d, err)
}

func (p *player) kafka(ctx context.Context, record kafka.Record) error {
	d, err := inJSON(record.Value)
	return p.play(ctx, record.ID(), d, err)
}

func (p *player) dynamodb(ctx context.Context, record events.DynamoDBEventRecord) error {
	d, err := inItem(record.Change)
	return p.play(ctx, record.Change.SequenceNumber, d, err)
}

// firehose returns the record unchanged.
func (p *player) firehose(ctx context.Context, record firehose.Record) error {
	return troupe.Returning(func(ctx context.Context, record firehose.Record) ([]byte, error) {
		d, err := inJSON(record.Data)
		return record.Data, p.play(ctx, record.ID, d, err)
	})(ctx, record)
}

// s3batch reads the directive from the key, which may be JSON in a manifest.
func (p *player) s3batch(ctx context.Context, task s3batch.Task) error {
	d, err := inJSON([]byte(task.Key))
	return p.play(ctx, task.ID, d, err)
}

// play does what d says. unread is the error of reading d, if any.
func (p *player) play(ctx context.Context, id string, d directive, unread error) error {
	if unread != nil {
		return unread
	}
	do := d.do
	if d.times >= 0 && p.attempt(id) > d.times {
		do = doOK
	}
	if err := work(ctx, d.work); err != nil {
		return err
	}
	switch do {
	case doFail:
		return errTold
	case doPanic:
		panic(panicTold)
	case doExit:
		runtime.Goexit()
	case doHang:
		<-p.never
	}
	return nil
}

// attempt counts an attempt at a record and returns its number, from 1.
func (p *player) attempt(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.attempts == nil {
		p.attempts = make(map[string]int)
	}
	p.attempts[id]++
	return p.attempts[id]
}

// work takes d, or less if ctx ends earlier.
func work(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
