package runtimeapi

import (
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

// shutdownGrace is documented in AWS: "Using the Lambda Extensions API to create extensions", shutdown phase.
const shutdownGrace = 500 * time.Millisecond

// extensionAPI registers extensions of a process, which makes Lambda send it SIGTERM. The extension receives no
// events, so its call for the next event never returns.
func (e *environment) extensionAPI(mux *http.ServeMux) {
	const version = "/2020-01-01"
	mux.HandleFunc("POST "+version+"/extension/register", func(w http.ResponseWriter, _ *http.Request) {
		e.mu.Lock()
		e.extended = true
		e.mu.Unlock()
		w.Header().Set("Lambda-Extension-Identifier", "00000000-0000-4000-8000-000000000000")
		_, _ = w.Write([]byte("{}\n"))
	})
	mux.HandleFunc("GET "+version+"/extension/event/next", func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	})
}

// Shutdown ends every process as Lambda does when it no longer needs it: by SIGTERM, followed by SIGKILL after
// Config.ShutdownGrace, if the process has registered an extension (lambda.WithEnableSIGTERM does); otherwise by
// SIGKILL alone. Running invocations may be answered in the meantime; the others end as in a crash. Shutdown returns
// when the processes have ended. The next invocation gets a new one.
func (f *Function) Shutdown() {
	var all sync.WaitGroup
	for _, e := range f.running() {
		f.remove(e) // it receives no more invocations
		all.Go(e.shutdown)
	}
	all.Wait()
}

func (e *environment) shutdown() {
	if e.terminate() {
		timer := time.NewTimer(e.f.config.ShutdownGrace)
		defer timer.Stop()
		select {
		case <-e.dead:
			return
		case <-timer.C:
		}
	}
	e.kill()
	<-e.dead
}

// terminate sends SIGTERM to a process with an extension.
func (e *environment) terminate() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reaped || !e.extended {
		return false
	}
	terminate(e.cmd.Process)
	thawGroup(e.cmd.Process) // a frozen process would not receive it
	return true
}

// Freeze stops every process at once, as Lambda does between invocations. Time continues: timers that expire
// meanwhile fire after Thaw. An invocation of a frozen process waits, up to its deadline.
//
// A process may continue for a moment after Freeze has returned. At AWS the clocks of a frozen process may stop, too;
// here they continue. Freeze does nothing on systems without such signals.
func (f *Function) Freeze() { f.signal(freezeGroup) }

// Thaw continues every process.
func (f *Function) Thaw() { f.signal(thawGroup) }

func (f *Function) signal(send func(*os.Process)) {
	for _, e := range f.running() {
		e.mu.Lock()
		if !e.reaped {
			send(e.cmd.Process)
		}
		e.mu.Unlock()
	}
}

// running returns the processes that accept invocations.
func (f *Function) running() []*environment {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.environments)
}
