//go:build unix

package hostile

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim/history"
)

// Variables of the function.
const (
	memoryLimit = "HOSTILE_TEST_MEMORY"  // bytes of data that it may have
	reserve     = "HOSTILE_TEST_RESERVE" // WithReserve
	terminable  = "HOSTILE_TEST_SIGTERM" // wires SIGTERM to the context
	timeout     = "HOSTILE_TEST_TIMEOUT" // of invocations, beside that of the Runtime API
)

// told is what the function writes about a batch to its standard error.
type told struct {
	Batch     string `json:"batch"` // the first record
	Succeeded int    `json:"succeeded"`
	Abandoned int    `json:"abandoned"`
	Running   int    `json:"running"`
}

// serve is the function.
func serve() {
	if address := os.Getenv(deskAddress); address != "" {
		serveLetters(address)
	}
	if text := os.Getenv(memoryLimit); text != "" {
		bytes, err := strconv.ParseUint(text, 10, 64)
		if err == nil {
			err = syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: bytes, Max: bytes})
		}
		if err != nil {
			panic(err)
		}
	}
	options := []troupe.Option{
		troupe.WithPolicy(troupe.StopGroup), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithMiddleware(trace),
		troupe.WithObserver(func(_ context.Context, r *troupe.Report) {
			line, _ := json.Marshal(told{r.Records[0].ID, r.Succeeded, r.Abandoned, r.Running})
			fmt.Fprintf(os.Stderr, "%s\n", line)
		}),
	}
	if d := variable(reserve); d > 0 {
		options = append(options, troupe.WithReserve(d))
	}
	w := &world{release: make(chan struct{})}
	w.locked.Add(2)
	handler := traced{troupe.SQS(w.perform, options...), variable(timeout)}
	if os.Getenv(terminable) != "" {
		ctx, cancel := context.WithCancel(context.Background())
		lambda.StartWithOptions(handler, lambda.WithContext(ctx), lambda.WithEnableSIGTERM(cancel))
	}
	lambda.Start(handler)
}

// variable is a time in the environment, or zero.
func variable(name string) time.Duration {
	text := os.Getenv(name)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	return d
}

// world is what the handlers of a process share.
type world struct {
	release  chan struct{} // closed by the deed release
	once     sync.Once
	hanging  atomic.Int32 // handlers that wait for it
	a, b     sync.Mutex
	locked   sync.WaitGroup // until both are
	memory   []byte
	gigabyte sync.Mutex
}

// perform does what the body says, on the first delivery alone: fine on all later ones.
func (w *world) perform(ctx context.Context, msg events.SQSMessage) error {
	if msg.Attributes["ApproximateReceiveCount"] != "1" {
		return nil
	}
	deed, argument, _ := strings.Cut(msg.Body, " ")
	switch deed {
	case "ok":
		return nil
	case "fail":
		return errTold
	case "panic":
		panic(errTold)
	case "work": // for as long as it says, whatever the context says
		d, err := time.ParseDuration(argument)
		if err != nil {
			return err
		}
		fmt.Println("at work")
		time.Sleep(d)
		return nil
	case "obey": // its context
		fmt.Println("at work")
		<-ctx.Done()
		return ctx.Err()
	case "hang": // until another handler says release, and then do what the argument says
		w.hanging.Add(1)
		defer w.hanging.Add(-1)
		<-w.release
		return late(argument)
	case "release": // waits for those that hang to be done, and then does what the argument says
		time.Sleep(50 * time.Millisecond) // for the others of the batch to be at work
		w.once.Do(func() { close(w.release) })
		for w.hanging.Load() > 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond) // for what comes of their ends to come
		return late(argument)
	case "spin":
		w.hanging.Add(1)
		for w.hanging.Load() > 0 {
		}
		return nil
	case "lock-ab":
		return w.lock(&w.a, &w.b)
	case "lock-ba":
		return w.lock(&w.b, &w.a)
	case "exit":
		os.Exit(3)
	case "panic-elsewhere":
		go panic("in a goroutine of its own")
		select {}
	case "overflow":
		debug.SetMaxStack(64 << 20) // as with the default of 1 GB, in less time
		return recurse(1<<62, ctx)
	case "recurse":
		return recurse(1<<19, ctx) // about 64 MB of stack
	case "hoard":
		w.gigabyte.Lock() // one at a time, or the limit is no measure
		defer w.gigabyte.Unlock()
		runtime.GC() // frees what the last one took: a collection that runs when memory is taken may come too late for that
		w.memory = make([]byte, 1<<30)
		w.memory[len(w.memory)-1]++
		w.memory = nil
		return nil
	}
	return fmt.Errorf("no deed %q", msg.Body)
}

// late ends a handler in one of the ways that there are.
func late(how string) error {
	switch how {
	case "fail":
		return errTold
	case "panic":
		panic(errTold)
	case "exit":
		runtime.Goexit()
	}
	return nil
}

// lock takes a lock, waits until somebody has the other one, and wants that.
func (w *world) lock(first, second *sync.Mutex) error {
	first.Lock()
	defer first.Unlock()
	w.locked.Done()
	w.locked.Wait()
	second.Lock()
	defer second.Unlock()
	return nil
}

// recurse calls itself, with something in each frame.
func recurse(depth int, ctx context.Context) error {
	if depth == 0 {
		return ctx.Err()
	}
	var frame [64]byte
	frame[depth%len(frame)] = byte(depth)
	err := recurse(depth-1, ctx)
	frame[depth%len(frame)]++
	return err
}

// traced has the lines written that tell the checker of handlers, up to the answer: what a handler does
// after it has been abandoned belongs to no invocation. A limit of its own has an invocation come to its end long
// before the deadline at which its process would be killed, so that no test depends on the machine's load.
type traced struct {
	lambda.Handler
	limit time.Duration
}

type lines struct {
	mu   sync.Mutex
	over bool
}

type linesKey struct{}

func (h traced) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	if h.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, h.limit)
		defer cancel()
	}
	l := &lines{}
	response, err := h.Handler.Invoke(context.WithValue(ctx, linesKey{}, l), payload)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	return response, err
}

func (l *lines) write(event, id, outcome string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		fmt.Fprintf(os.Stderr, `{"event":%q,"id":%q,"outcome":%q}`+"\n", event, id, outcome)
	}
}

// trace is the middleware that writes them.
func trace(next func(context.Context, troupe.Record) error) func(context.Context, troupe.Record) error {
	return func(ctx context.Context, rec troupe.Record) error {
		l, _ := ctx.Value(linesKey{}).(*lines)
		l.write("start", rec.ID, "")
		outcome := history.Panic
		defer func() { l.write("end", rec.ID, outcome) }()
		err := next(ctx, rec)
		switch {
		case err != nil:
			outcome = history.Fail
		case ctx.Err() != nil:
			outcome = history.Late
		default:
			outcome = history.OK
		}
		return err
	}
}
