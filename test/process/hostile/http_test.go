//go:build unix

package hostile

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// fault is something that goes wrong with one exchange of the Runtime API. It may serve the exchange by api.
type fault func(w http.ResponseWriter, r *http.Request, api http.Handler)

// served is what the API answers.
func served(r *http.Request, api http.Handler) *http.Response {
	recorder := httptest.NewRecorder()
	api.ServeHTTP(recorder, r)
	return recorder.Result()
}

// pass hands an answer on, with a body of its own.
func pass(w http.ResponseWriter, answer *http.Response, body []byte) {
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(body)
}

// raw writes these bytes in place of an HTTP answer and cuts the connection.
func raw(w http.ResponseWriter, text string) {
	conn, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = buffered.WriteString(text)
	_ = buffered.Flush()
	_ = conn.Close()
}

// status has the API refuse without looking.
func status(code int) fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(w, `{"errorMessage":"no","errorType":"InternalError"}`, code)
	}
}

// instead answers with these bytes; the API has been asked, so that the event is under way.
func instead(text string) fault {
	return func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		served(r, api)
		raw(w, text)
	}
}

// header changes a header of the answer, or takes it away.
func header(name, value string) fault {
	return func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		answer := served(r, api)
		body, _ := io.ReadAll(answer.Body)
		answer.Header.Del(name)
		if value != "" {
			answer.Header.Set(name, value)
		}
		pass(w, answer, body)
	}
}

// body changes the body of the answer.
func body(change func([]byte) []byte) fault {
	return func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		answer := served(r, api)
		text, _ := io.ReadAll(answer.Body)
		pass(w, answer, change(text))
	}
}

// cut ends the connection in the middle of the body, whose length has been told or not.
func cut(told bool) fault {
	return func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		answer := served(r, api)
		text, _ := io.ReadAll(answer.Body)
		if told {
			answer.Header.Set("Content-Length", strconv.Itoa(len(text)))
		}
		pass(w, answer, text[:len(text)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

// slow hands on the answer in small pieces, which takes that long.
func slow(d time.Duration) fault {
	return func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		answer := served(r, api)
		text, _ := io.ReadAll(answer.Body)
		pass(w, answer, nil)
		const pieces = 20
		for i := range pieces {
			_, _ = w.Write(text[i*len(text)/pieces : (i+1)*len(text)/pieces])
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(d / pieces):
			}
		}
	}
}

// deaf takes the request and never answers.
func deaf(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

// accepts lets the API take what the process says, and then goes wrong.
func accepts(then fault) fault {
	return func(w http.ResponseWriter, r *http.Request, api http.Handler) {
		served(r, api)
		then(w, r, nil)
	}
}

// faulty lets the second exchange of a kind go wrong: the process is warm then, and has a connection.
type faulty struct {
	path  string // how the path ends
	fault fault
	asked atomic.Int32
}

func (f *faulty) between(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, f.path) && f.asked.Add(1) == 2 {
			f.fault(w, r, api)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// What comes of an invocation whose HTTP goes wrong.
const (
	right    = "right"    // it is answered as if nothing had happened
	errored  = "errored"  // it is an error, and the process lives on
	ended    = "ended"    // the process ends, and Lambda takes that for an error
	killed   = "killed"   // nothing comes of it, until Lambda kills the process at the deadline
	deafened = "deafened" // it is answered rightly, and the next one finds the process waiting for an answer, and has it killed
)

// What aws-lambda-go and the demo do when the Runtime API misbehaves: they answer rightly, or with an error, or end,
// or wait until they are killed. They never answer wrongly, and the next invocation is always right.
func TestBadHTTPIsAnErrorOrAnEndAndNeverAWrongAnswer(t *testing.T) {
	t.Parallel()
	const next, response = "/next", "/response"
	for _, c := range []struct {
		name  string
		path  string
		fault fault
		want  string
		says  string // on standard error
	}{
		{"the next event is refused with 500", next, status(500), right, "unexpected status code: 500"}, // by another process,
		{"the next event is refused with 403", next, status(403), right, "unexpected status code: 403"},
		{"the next event is cut off before its headers", next, instead(""), killed, ""}, // the client asks again, for another one
		{"the next event is cut off in its headers", next, instead("HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Re"), ended, "malformed MIME header"},
		{"the next event is no HTTP", next, instead("SSH-2.0-OpenSSH_9.9\r\n\r\n"), ended, "malformed"},
		{"the next event is cut off in its body", next, cut(true), ended, "failed to read the invoke payload"},
		{"the next event is cut off in its body, of no told length", next, cut(false), ended, "failed to read the invoke payload"},
		{"the next event comes slowly", next, slow(300 * time.Millisecond), right, ""},
		{"the next event comes more slowly than there is time", next, slow(time.Minute), killed, ""},
		{"the next event is half of its JSON", next, body(func(b []byte) []byte { return b[:len(b)/2] }), errored, "troupe: "},
		{"the next event is twice its JSON", next, body(func(b []byte) []byte { return append(b, b...) }), errored, "troupe: "},
		{"the next event is empty", next, body(func([]byte) []byte { return nil }), errored, "troupe: "},
		{"the next event is not UTF-8", next, body(func([]byte) []byte { return []byte("\xff\xfe\x00{") }), errored, "troupe: "},
		{"the next event has no request id", next, header("Lambda-Runtime-Aws-Request-Id", ""), ended, "unexpected status code"},
		{"the next event has another request id", next, header("Lambda-Runtime-Aws-Request-Id", "nobody"), ended, "unexpected status code: 410"},
		{"the next event has no deadline", next, header("Lambda-Runtime-Deadline-Ms", ""), errored, "failed to parse deadline"},
		{"the next event has a deadline that is no number", next, header("Lambda-Runtime-Deadline-Ms", "soon"), errored, "failed to parse deadline"},
		{"the next event has a deadline long past", next, header("Lambda-Runtime-Deadline-Ms", "1"), errored, "not started"},
		{"the next event has a deadline before the epoch", next, header("Lambda-Runtime-Deadline-Ms", "-9223372036854775808"), errored, "not started"},
		{"the next event has a deadline in millions of years", next, header("Lambda-Runtime-Deadline-Ms", "9223372036854775807"), right, ""},
		{"the next event has a client context that is no JSON", next, header("Lambda-Runtime-Client-Context", "{"), errored, "client context"},
		{"the next event has a trace id of nonsense", next, header("Lambda-Runtime-Trace-Id", "=;;\u00e9"), right, ""},
		{"the response is refused with 500", response, status(500), ended, "unexpected status code: 500"},
		{"the response is refused with 413", response, status(413), ended, "unexpected status code: 413"},
		{"the response is cut off", response, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { raw(w, "") }, ended, "failed to POST"},
		{"the response is never taken", response, deaf, killed, ""},
		{"the response is taken, and the thanks are cut off", response, accepts(instead202), right, ""},
		{"the response is taken, and the thanks are a 500", response, accepts(status(500)), right, ""},
		{"the response is taken, and there are never thanks", response, accepts(deaf), deafened, ""},
		{"the response is taken, and thanks come slowly", response, slow(300 * time.Millisecond), right, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			bad := &faulty{path: c.path, fault: c.fault}
			f, said := running(t, demo, runtimeapi.Config{
				Args: []string{"serve", "--report", "none"}, Between: bad.between,
			})
			all := []message{{"a", `{"do":"ok"}`}, {"b", `{"do":"fail"}`}, {"c", `{"do":"ok","for":"1ms"}`}}
			assert.Equal(t, []string{"b"}, answered(t, f, patience, all...))

			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if c.want == killed {
				ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			}
			defer cancel()
			answer, err := f.Invoke(ctx, event(all...))
			switch c.want {
			case right, deafened:
				if assert.NoError(t, err) {
					assert.Equal(t, []string{"b"}, failures(t, answer))
				}
			case errored:
				require.Error(t, err)
				assert.NotErrorIs(t, err, lambdasim.ErrCrashed)
				assert.Equal(t, 1, f.Started())
			case ended:
				assert.ErrorIs(t, err, lambdasim.ErrCrashed)
			case killed:
				assert.ErrorIs(t, err, context.DeadlineExceeded)
			}
			eventually(t, c.says, func() bool { return strings.Contains(said.String()+fmt.Sprint(err), c.says) })

			if c.want == deafened {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				_, err = f.Invoke(ctx, event(all...))
				assert.ErrorIs(t, err, context.DeadlineExceeded)
			}
			for range 2 {
				assert.Equal(t, []string{"b"}, answered(t, f, patience, all...))
			}
			assert.LessOrEqual(t, f.Started(), 2)
		})
	}
}

// SPEC S2: under a simulated stream, with something wrong in every fifth exchange, nothing is lost and order is
// kept.
func TestBadHTTPLosesNothing(t *testing.T) {
	t.Parallel()
	const records = 400
	next := []fault{
		status(500), instead("HTTP/1.1 200 OK\r\nLambda-Runtime"), cut(true), cut(false), slow(20 * time.Millisecond),
		body(func(b []byte) []byte { return b[:len(b)/2] }), body(func(b []byte) []byte { return append(b, b...) }),
		header("Lambda-Runtime-Aws-Request-Id", ""), header("Lambda-Runtime-Aws-Request-Id", "nobody"),
		header("Lambda-Runtime-Deadline-Ms", ""), header("Lambda-Runtime-Deadline-Ms", "1"),
	}
	response := []fault{
		status(500), instead202, accepts(instead202), accepts(status(500)), slow(20 * time.Millisecond),
	}
	var exchanges, events, answers atomic.Int32
	f, _ := running(t, demo, runtimeapi.Config{
		Args: []string{"serve", "--report", "none", "--trace"},
		Between: func(api http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch isEvent := strings.HasSuffix(r.URL.Path, "/next"); {
				case exchanges.Add(1)%5 != 0:
					api.ServeHTTP(w, r)
				case isEvent:
					next[int(events.Add(1))%len(next)](w, r, api)
				default:
					response[int(answers.Add(1))%len(response)](w, r, api)
				}
			})
		},
	})
	stream := &lambdasim.KinesisStream{}
	for i := range records {
		do := `{"do":"ok"}`
		if i%17 == 0 {
			do = `{"do":"fail","times":1}`
		}
		stream.Put(lambdasim.KinesisRecord{PartitionKey: fmt.Sprint(i % 7), Data: []byte(do)})
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	verdict, err := lambdasim.Simulation{
		Source: stream, Handler: f, Concurrency: 1, Timeout: patience,
		Unhandled: true, // good answers get lost
		Mapping:   lambdasim.Mapping{BatchSize: 5, FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
		Unknown:   lambdasim.Unknown{RetryDelay: func(int) time.Duration { return time.Millisecond }},
	}.Run(ctx)
	require.NoError(t, err)
	assert.True(t, verdict.OK(), "%v", verdict)
	assert.Equal(t, records, verdict.Totals.Succeeded)
	assert.GreaterOrEqual(t, int(events.Load()), len(next), "not every fault has come up")
	assert.GreaterOrEqual(t, int(answers.Load()), len(response), "not every fault has come up")
	t.Logf("%v; %d exchanges, of which %d went wrong, %d processes", verdict, exchanges.Load(), events.Load()+answers.Load(), f.Started())
}

// instead202 breaks off in the middle of a good answer.
func instead202(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	raw(w, "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{\"stat")
}
