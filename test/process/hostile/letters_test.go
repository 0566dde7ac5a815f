//go:build unix

package hostile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/history"
	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
	"github.com/troupe-go/troupe/redelivery"
)

// deskAddress is the variable with the address at which the test receives letters and reports of handlers.
const deskAddress = "HOSTILE_TEST_DESK"

// serveLetters is a function that dead-letters messages: those that say poison, always, and those that say mended, on their
// first delivery.
func serveLetters(address string) {
	at := client(address)
	lambda.Start(troupe.SQS(func(ctx context.Context, msg events.SQSMessage) error {
		if err := at.post(ctx, "start", url.Values{"id": {msg.MessageId}}, ""); err != nil {
			return err
		}
		deed, _, _ := strings.Cut(msg.Body, " ")
		var failure error
		outcome := history.OK
		if deed == "poison" || deed == "mended" && msg.Attributes["ApproximateReceiveCount"] == "1" {
			failure, outcome = troupe.Permanent(errTold), history.Fail
		}
		return cmp.Or(at.post(ctx, "end", url.Values{"id": {msg.MessageId}, "outcome": {outcome}}, ""), failure)
	},
		troupe.WithPolicy(troupe.StopGroup), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)),
		troupe.WithObserver(func(ctx context.Context, r *troupe.Report) {
			if r.DeadLettered > 0 {
				_ = at.post(ctx, "respond", nil, "")
			}
		}),
		redelivery.DeadLetter(at, 0)))
}

// client calls the desk.
type client string

func (c client) post(ctx context.Context, what string, values url.Values, body string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, string(c)+"/"+what+"?"+values.Encode(), strings.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

func (c client) Send(ctx context.Context, l redelivery.Letter) error {
	return c.post(ctx, "letter", url.Values{"id": {l.ID}, "group": {l.Group}, "deduplication": {l.Deduplication}}, l.Body)
}

// desk is the dead-letter queue of a function in a process of its own, and writes down what its handlers do. It kills the
// process once for each message that is dead-lettered, at a given point.
type desk struct {
	t        *testing.T
	function *runtimeapi.Function
	dead     *lambdasim.Queue
	point    string

	mu      sync.Mutex
	ctx     context.Context // of the running invocation
	ends    map[string]func(string)
	tried   map[string]int // sends by message
	letters int            // that were taken
	doomed  bool           // the process is killed before it responds
}

// Invoke lets the function handle an event.
func (d *desk) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	d.mu.Lock()
	d.ctx, d.ends, d.doomed = ctx, map[string]func(string){}, false
	d.mu.Unlock()
	response, err := d.function.Invoke(ctx, payload)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ctx = nil
	return response, err
}

func (d *desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err != nil || d.ctx == nil {
		w.WriteHeader(http.StatusGone)
		return
	}
	id := r.FormValue("id")
	switch r.URL.Path {
	case "/start":
		d.ends[id] = lambdasim.Begin(d.ctx, id)
	case "/end":
		d.ends[id](r.FormValue("outcome"))
	case "/letter":
		d.tried[id]++
		first := d.tried[id] == 1
		if first && d.point == "before the send" {
			d.function.Kill()
			return
		}
		letter := lambdasim.Message{Body: string(body)}
		if strings.HasSuffix(d.dead.Name, ".fifo") {
			letter.Group, letter.Deduplication = r.FormValue("group"), r.FormValue("deduplication")
		}
		if err := lambdasim.DeadLetter(d.ctx, id, d.dead, letter); err != nil {
			d.t.Error(err)
		}
		d.letters++
		if first && d.point == "before the answer" {
			d.function.Kill()
			return
		}
		d.doomed = d.doomed || first && d.point == "before the response"
	case "/respond":
		if d.doomed {
			d.function.Kill()
		}
	}
}

// SPEC V4, S2: a process that is killed around the send of a dead letter loses nothing. The message is delivered again, and
// is dead-lettered again or handled; none is deleted that neither was.
func TestAProcessThatDiesWhileItDeadLettersLosesNothing(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"before the send", "before the answer", "before the response"} {
		for _, name := range []string{"queue", "ordered.fifo"} {
			t.Run(point+"/"+name, func(t *testing.T) {
				t.Parallel()
				_, suffix, fifo := strings.Cut(name, ".")
				d := &desk{t: t, point: point, dead: &lambdasim.Queue{Name: "dead"}, tried: map[string]int{}}
				if fifo {
					d.dead.Name += "." + suffix
				}
				server := httptest.NewServer(d)
				t.Cleanup(server.Close)
				d.function, _ = function(t, runtimeapi.Config{Env: []string{deskAddress + "=" + server.URL}})
				queue := &lambdasim.Queue{Name: name, VisibilityTimeout: 5 * time.Second}
				sent := map[string]bool{} // by body: it is to be dead-lettered
				for i := range 20 {
					body := fmt.Sprint("ok ", i)
					switch i {
					case 3, 14:
						body = fmt.Sprint("poison ", i)
					case 8:
						body = fmt.Sprint("mended ", i)
					}
					sent[body] = body[0] == 'p'
					queue.Send(lambdasim.Message{Body: body, Group: fmt.Sprint("group-", i%3)})
				}
				crashes := 0
				handled := map[string]bool{} // by identifier
				bodies := map[string]string{}
				for _, m := range queue.Messages() {
					bodies[m.MessageId] = m.Body
				}
				ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
				defer cancel()
				verdict, err := lambdasim.Simulation{
					Source: queue, Handler: d, Concurrency: 1, Timeout: 5 * time.Second,
					Mapping: lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
					Observe: func(e history.Event) {
						switch {
						case e.Kind == history.Crashed:
							crashes++
						case e.Kind == history.Ended && e.Detail == history.OK:
							handled[bodies[e.Record]] = true
						}
					},
				}.Run(ctx)
				require.NoError(t, err)
				assert.True(t, verdict.OK(), "%v", verdict)
				assert.Equal(t, len(sent), verdict.Totals.Deleted, "%v", verdict)
				assert.Positive(t, crashes, "the process was not killed")
				t.Log(verdict)

				letters := received(t, d.dead)
				count := map[string]int{}
				for _, body := range letters {
					count[body]++
				}
				for body, poison := range sent {
					switch {
					case !handled[body] && count[body] == 0:
						t.Errorf("%q is deleted, and was neither handled nor dead-lettered", body)
					case poison && handled[body], !poison && !strings.HasPrefix(body, "mended") && count[body] > 0:
						t.Errorf("%q: handled %v, %d letters", body, handled[body], count[body])
					case fifo && count[body] > 1:
						t.Errorf("%q: %d letters in a FIFO queue, which deduplicates", body, count[body])
					}
				}
				if !fifo {
					assert.Len(t, letters, d.letters)
				}
				assert.Contains(t, slices.Collect(maps.Values(d.tried)), 2, "no letter was sent again: %v", d.tried)
			})
		}
	}
}

// received receives all that is in a queue.
func received(t *testing.T, queue *lambdasim.Queue) (bodies []string) {
	t.Helper()
	direct, err := queue.Direct()
	require.NoError(t, err)
	for {
		list, err := direct.Receive(t.Context(), 10, time.Hour, 0)
		require.NoError(t, err)
		if len(list) == 0 {
			return bodies
		}
		for _, m := range list {
			bodies = append(bodies, m.Body)
			require.NoError(t, direct.Delete(t.Context(), m.ReceiptHandle))
		}
	}
}
