//go:build unix

package runtimeapi_test

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// E8: a frozen process does nothing, and goes on where it was.
func TestAFrozenProcessGoesOnWhenItIsThawed(t *testing.T) {
	t.Parallel()
	f := start(t, "echo", runtimeapi.Config{})
	first, err := invoke(t, f, within(t, time.Minute), "")
	if err != nil {
		t.Fatal(err)
	}
	f.Freeze()
	time.Sleep(100 * time.Millisecond) // it may be on a processor yet
	answered := make(chan map[string]string, 1)
	go func() {
		answer, err := invoke(t, f, within(t, time.Minute), "")
		if err != nil {
			t.Error(err)
		}
		answered <- answer
	}()
	select {
	case <-answered:
		t.Fatal("a frozen process has answered")
	case <-time.After(200 * time.Millisecond):
	}
	f.Thaw()
	if next := <-answered; next["pid"] != first["pid"] {
		t.Errorf("%v, after %v", next, first)
	}
}

// E8: a process that has registered an extension gets SIGTERM before SIGKILL, frozen or not; any other is killed
// outright. The next invocation has a new process.
func TestShutdownTellsThoseThatHaveRegistered(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"echo", "terminable"} {
		for _, frozen := range []bool{false, true} {
			var output lockedBuffer
			f := start(t, name, runtimeapi.Config{Output: &output})
			first, err := invoke(t, f, within(t, time.Minute), "")
			if err != nil {
				t.Fatal(err)
			}
			if frozen {
				f.Freeze()
			}
			f.Shutdown()
			if alive(first["pid"]) {
				t.Error("the process is alive")
			}
			if told := output.String() == "told\n"; told != (name == "terminable") {
				t.Errorf("%s, frozen %v: it said %q", name, frozen, output.String())
			}
			next, err := invoke(t, f, within(t, time.Minute), "")
			if err != nil || next["pid"] == first["pid"] {
				t.Errorf("%v, %v", next, err)
			}
		}
	}
}

// What is put between process and API may answer in its place, once for each process.
func TestHTTPMayGoWrong(t *testing.T) {
	t.Parallel()
	var processes, refused atomic.Int32
	f := start(t, "echo", runtimeapi.Config{Between: func(api http.Handler) http.Handler {
		processes.Add(1)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && refused.Add(1) == 1 {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			api.ServeHTTP(w, r)
		})
	}})
	if _, err := invoke(t, f, within(t, time.Minute), ""); !errors.Is(err, lambdasim.ErrCrashed) {
		t.Error(err)
	}
	if _, err := invoke(t, f, within(t, time.Minute), ""); err != nil || processes.Load() != 2 {
		t.Errorf("%v, after %d processes", err, processes.Load())
	}
}
