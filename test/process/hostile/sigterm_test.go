//go:build unix

package hostile

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// underWay starts an invocation of the program in sigterm, and returns once its first message has been handled.
func underWay(t *testing.T, f *runtimeapi.Function, said *output, all ...message) (answer func() ([]byte, error)) {
	t.Helper()
	type ending struct {
		body []byte
		err  error
	}
	ended := make(chan ending, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		body, err := f.Invoke(ctx, event(all...))
		ended <- ending{body, err}
	}()
	said.await("charged " + all[0].id)
	return func() ([]byte, error) {
		select {
		case e := <-ended:
			return e.body, e.err
		case <-time.After(patience):
			t.Fatal("no answer")
			return nil, nil
		}
	}
}

// grace is longer than Lambda's 500 ms, so that it is not the machine's load that decides.
const grace = 3 * time.Second

// SPEC D5: with lambda.WithContext and lambda.WithEnableSIGTERM, as in the program that users can copy, SIGTERM ends a
// batch under way with what is done, and telemetry is sent off before the process is killed. The next
// invocation has a new process.
func TestSIGTERMEndsABatchWithWhatIsDone(t *testing.T) {
	t.Parallel()
	f, said := running(t, sigterm, runtimeapi.Config{ShutdownGrace: grace})
	answer := underWay(t, f, said, message{"1", "0s"}, message{"2", "1h"}, message{"3", "1h"})
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		f.Shutdown()
	}()
	response, err := answer()
	require.NoError(t, err)
	assert.Equal(t, []string{"2", "3"}, failures(t, response))
	<-gone
	assert.Contains(t, said.String(), "flushed")
	assert.NotContains(t, said.String(), "WARNING")
	assert.Empty(t, answered(t, f, patience, message{"2", "0s"}, message{"3", "0s"}))
	assert.Equal(t, 2, f.Started())
}

// SPEC D5, S2: an event that reaches the process after SIGTERM is not begun. All of it is reported, for another process.
func TestAfterSIGTERMNothingIsBegun(t *testing.T) {
	t.Parallel()
	var said *output // of the process that Between asks about
	var f *runtimeapi.Function
	var events atomic.Int32
	taken := make(chan struct{})
	f, said = running(t, sigterm, runtimeapi.Config{
		MaxConcurrency: 2, ShutdownGrace: grace,
		Between: func(api http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "/invocation/next") || events.Add(1) > 2 {
					api.ServeHTTP(w, r)
					return
				}
				answer := served(r, api)
				text, _ := io.ReadAll(answer.Body)
				if bytes.Contains(text, []byte("held back")) {
					close(taken)
					said.await("flushed")
				}
				pass(w, answer, text)
			})
		},
	})
	answer := underWay(t, f, said, message{"1", "0s"}, message{"2", "1h"})
	held := make(chan error, 1)
	go func() {
		_, err := f.Invoke(t.Context(), event(message{"held back", "0s"}, message{"this one too", "0s"}))
		held <- err
	}()
	<-taken
	f.Shutdown()
	response, err := answer()
	require.NoError(t, err)
	assert.Equal(t, []string{"2"}, failures(t, response))
	err = <-held
	require.Error(t, err)
	assert.NotErrorIs(t, err, lambdasim.ErrCrashed)
	assert.Contains(t, err.Error(), "2 of 2 records failed; the first: record \"held back\": troupe: not started")
	assert.NotContains(t, said.String(), "charged held back")
}

// SPEC S2: without WithEnableSIGTERM there is no signal: the process is killed, and all of its batch is redelivered. A
// batch whose handlers do not obey their context ends no better with it, since its last call comes no sooner
// than SIGKILL.
func TestAShutdownLosesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, do, env string }{
		{"killed", "obey", ""},
		{"with SIGTERM, ignored", "work 10s", terminable + "=true"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f, said := function(t, runtimeapi.Config{Env: []string{c.env}})
			ended := make(chan error, 1)
			go func() {
				response, err := f.Invoke(t.Context(), event(message{"1", c.do}, message{"2", c.do}))
				if err == nil { // if only just
					assert.Equal(t, []string{"1", "2"}, failures(t, response))
				}
				ended <- err
			}()
			said.await("at work")
			f.Shutdown()
			if err := <-ended; c.env == "" {
				assert.ErrorIs(t, err, lambdasim.ErrCrashed)
				assert.ErrorContains(t, err, "killed")
			}
			assert.Empty(t, answered(t, f, patience, message{"1", "ok"}, message{"2", "ok"}))
			assert.Equal(t, 2, f.Started())
		})
	}
}

// The page shows the beginning of the program as it is.
func TestThePageOnTheProcessShowsTheProgram(t *testing.T) {
	page, err := os.ReadFile("../../../docs/process.md")
	require.NoError(t, err)
	program, err := os.ReadFile("sigterm/main.go")
	require.NoError(t, err)
	_, lines, found := strings.Cut(string(program), "var errShutdown")
	require.True(t, found)
	lines, _, found = strings.Cut(lines, "\n// charge takes")
	require.True(t, found)
	assert.Contains(t, string(page), "var errShutdown"+lines)
}
