package runtimeapi

import (
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

// shutdownGrace is from AWS: "Using the Lambda Extensions API to create extensions", shutdown phase.
const shutdownGrace = 500 * time.Millisecond

// extensionAPI is where a process registers an extension of its own, which is how it comes to be sent
// SIGTERM. The extension receives nothing, so its call for the next event never returns.
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

// Shutdown ends every process as Lambda does when it has no more use for one: by SIGTERM, followed by
// SIGKILL after Config.ShutdownGrace, if the process has registered an extension, which is what
// lambda.WithEnableSIGTERM does; by SIGKILL alone, if it has not. Invocations under way can be answered in
// the meantime; the others end as in a crash. It returns when the processes have gone. The next invocation
// gets a new one.
func (f *Function) Shutdown() {
	var all sync.WaitGroup
	for _, e := range f.running() {
		f.remove(e) // it gets no more invocations
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

// terminate sends SIGTERM to a process that is to get it.
func (e *environment) terminate() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.reaped || !e.extended {
		return false
	}
	terminate(e.cmd.Process)
	thawGroup(e.cmd.Process) // a frozen one would not see it
	return true
}

// Freeze stops every process, with whatever is under way in it, as Lambda does between invocations. Time
// goes on: what was to happen meanwhile happens after Thaw. An invocation that Invoke is given while its
// process is frozen waits, up to its deadline.
//
// A process may go on for a moment after Freeze has returned. At AWS the clocks of a frozen process may stand
// still, too; here they go on. Freeze does nothing where there are no such signals.
func (f *Function) Freeze() { f.signal(freezeGroup) }

// Thaw has every process go on.
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

// running are the processes that invocations can go to.
func (f *Function) running() []*environment {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.environments)
}
