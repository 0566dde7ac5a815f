package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// signalled is why a context ended: a signal came.
type signalled struct{ os.Signal }

func (s signalled) Error() string { return "the signal " + s.Signal.String() }

// untilSignalled returns a context that the first SIGINT or SIGTERM cancels, so that what is under way can
// still be reported. The second one ends the process.
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

// interruptedBy is the exit code of a process that a signal has ended: 128 and the number of the signal.
func interruptedBy(ctx context.Context) int {
	if s, ok := errors.AsType[signalled](context.Cause(ctx)); ok && s.Signal == syscall.SIGTERM {
		return exitTerminated
	}
	return exitInterrupted
}
