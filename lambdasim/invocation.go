package lambdasim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/handlertrace"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// ErrCrashed matches the errors of handlers that represent a process, such as runtimeapi.Function, if the process died
// before it responded.
var ErrCrashed = errors.New("lambdasim: the function's process died")

const functionARN = "arn:aws:lambda:" + region + ":" + account + ":function:simulated"

// delivery is a record in a batch.
type delivery struct {
	id, group string
	number    int    // of deliveries of the record, including this one
	alias     string // the sequence number, where the identifier is another
}

// invocation is one invocation of the function with a batch.
type invocation struct {
	number   int
	request  string
	records  []delivery
	payload  []byte
	deadline time.Time
	timer    *timer
	done     func(result)
	log      *recorder
	queue    bool // its records are messages

	// Guarded by log.mu.
	over   bool
	left   bool // timed out or crashed: its later events are ignored
	result result
	index  map[string]int // of records, built on demand
	starts []int          // by record: handlers started
}

// result is how an invocation ended.
type result struct {
	kind   history.Kind
	answer answer // if it responded
}

// failed reports whether Lambda records a function error.
func (r result) failed() bool { return r.kind != history.Answered }

// newInvocation returns an invocation with the next number and no records.
func (e *engine) newInvocation() *invocation {
	e.numbers++
	_, queue := e.sim.Source.(*Queue)
	return &invocation{number: e.numbers, log: e.log, queue: queue, payload: e.buffer()}
}

// deliver adds a record to the batch. The payload contains it already.
func (e *engine) deliver(inv *invocation, d delivery) {
	inv.records = append(inv.records, d)
	e.log.add(history.Event{Kind: history.Received, Invocation: inv.number, Record: d.id, Group: d.group, Number: d.number})
}

// invoke calls the function at the end of the turn. done is called in the turn in which the invocation has
// ended.
func (e *engine) invoke(inv *invocation, done func(result)) {
	inv.done = done
	inv.request = uuid("request", uint64(inv.number))
	inv.deadline = e.now.Add(e.sim.patience())
	inv.timer = e.at(inv.deadline, func() { inv.timeOut(e) })
	e.invoked++
	e.running++
	e.launch = append(e.launch, inv)
	e.log.add(history.Event{
		Kind: history.Invoked, Invocation: inv.number, Number: len(inv.records), Until: inv.deadline.Sub(e.began),
	})
}

// run calls the handler and returns when the handler does, possibly long after the invocation has ended.
func (inv *invocation) run(e *engine) {
	deadline := inv.deadline.Add(e.sim.Timeout - e.sim.patience()) // the function's own
	ctx, cancel := context.WithDeadline(context.WithValue(e.ctx, callKey{}, inv), deadline)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: inv.request, InvokedFunctionArn: functionARN})

	returned := false
	defer func() {
		if !returned {
			how := "runtime.Goexit"
			if v := recover(); v != nil {
				how = fmt.Sprintf("panic: %v", v)
			}
			inv.end(e, history.Crashed, how, answer{})
		}
	}()
	text, err := respond(ctx, e.sim.Handler, inv.payload)
	returned = true

	switch {
	case errors.Is(err, ErrCrashed):
		inv.end(e, history.Crashed, err.Error(), answer{})
	case err != nil:
		inv.end(e, history.Failed, err.Error(), answer{})
	case len(text) > maxPayload:
		inv.end(e, history.Failed, fmt.Sprintf("the response has %d bytes; allowed are %d", len(text), maxPayload), answer{})
	default:
		inv.end(e, history.Answered, text, e.sim.read([]byte(text), inv.has))
	}
}

// encoding serializes the encoding of responses by handlers of lambda.NewHandler. Invoke of such a handler returns the
// bytes of a buffer that it has already put back into a pool, so a concurrent call may overwrite them.
var encoding sync.Mutex

// respond calls the handler and returns a copy of its response.
func respond(ctx context.Context, h lambda.Handler, payload []byte) (string, error) {
	locked := false
	defer func() {
		if locked {
			encoding.Unlock()
		}
	}()
	// lambda.NewHandler calls ResponseEvent on this goroutine, after the function and before it encodes the response.
	ctx = handlertrace.NewContext(ctx, handlertrace.HandlerTrace{ResponseEvent: func(context.Context, any) {
		if !locked {
			encoding.Lock()
			locked = true
		}
	}})
	body, err := h.Invoke(ctx, payload)
	return string(body), err
}

// scrawl overwrites the payload, so that a handler that still reads it sees nonsense.
func scrawl(payload []byte) {
	for i := range payload {
		payload[i] = '#'
	}
}

// maxDetail bounds the text of an error in the history.
const maxDetail = 500

// end records the end of an invocation, unless it has timed out or crashed before.
func (inv *invocation) end(e *engine, kind history.Kind, detail string, a answer) {
	if kind != history.Answered && len(detail) > maxDetail {
		detail = detail[:maxDetail]
	}
	if kind != history.Crashed {
		scrawl(inv.payload)
	}
	inv.log.mu.Lock()
	ended := !inv.over && time.Now().Before(inv.deadline)
	if ended {
		inv.over, inv.left = true, kind == history.Crashed
		inv.result = result{kind: kind, answer: a}
		inv.log.put(history.Event{Kind: kind, Invocation: inv.number, Detail: detail})
	}
	inv.log.mu.Unlock()
	if ended {
		e.mu.Lock()
		e.ended = append(e.ended, inv)
		e.mu.Unlock()
		e.wake()
	}
}

// timeOut ends an invocation at its deadline.
func (inv *invocation) timeOut(e *engine) {
	inv.log.mu.Lock()
	ended := !inv.over
	if ended {
		inv.over, inv.left = true, true
		inv.result = result{kind: history.TimedOut}
		inv.log.put(history.Event{Kind: history.TimedOut, Invocation: inv.number})
	}
	inv.log.mu.Unlock()
	if ended {
		e.mu.Lock()
		e.ended = append(e.ended, inv)
		e.mu.Unlock()
	}
}

// find returns the index of a record in the batch, or −1. The caller holds log.mu.
func (inv *invocation) find(id string) int {
	if inv.index == nil {
		inv.index = make(map[string]int, len(inv.records))
		for i, d := range inv.records {
			if _, twice := inv.index[d.id]; !twice {
				inv.index[d.id] = i
			}
			if d.alias != "" {
				inv.index[d.alias] = i
			}
		}
		inv.starts = make([]int, len(inv.records))
	}
	if i, ok := inv.index[id]; ok {
		return i
	}
	return -1
}

func (inv *invocation) has(id string) bool {
	inv.log.mu.Lock()
	defer inv.log.mu.Unlock()
	i := inv.find(id)
	return i >= 0 && inv.records[i].id == id
}

// known returns the identifier that the source uses for the record. The caller holds log.mu.
func (inv *invocation) known(id string) string {
	if i := inv.find(id); i >= 0 {
		return inv.records[i].id
	}
	return id
}
