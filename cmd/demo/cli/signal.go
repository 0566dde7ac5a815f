package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// signalled is the cause of a context that a signal ended.
type signalled struct{ os.Signal }

func (s signalled) Error() string { return "the signal " + s.Signal.String() }

// untilSignalled returns a context that the first SIGINT or SIGTERM cancels, so that work in progress can
// still be reported. The second signal ends the process.
func untilSignalled(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() { // ends with the first signal, or with the process
		s := <-signals
		signal.Stop(signals)
		cancel(signalled{s})
	}()
	return ctx
}

// interruptedBy returns the exit code of a process that a signal ended: 128 plus the number of the signal.
func interruptedBy(ctx context.Context) int {
	if s, ok := errors.AsType[signalled](context.Cause(ctx)); ok && s.Signal == syscall.SIGTERM {
		return exitTerminated
	}
	return exitInterrupted
}
