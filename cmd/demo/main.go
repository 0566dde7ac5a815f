// Command demo lets troupe be tried out without AWS: it puts a processor under load and faults from simulated
// sources, runs one event through it, or serves as a Lambda function. In the last two what happens to each
// record is written in the record itself, see directive.
//
//	demo stress
//	demo invoke testdata/events/sqs.json
//	demo serve
//
// demo --help tells the rest.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// The exit codes.
const (
	exitOK          = 0
	exitError       = 1   // the invocation returned an error; the verdict of stress does not hold
	exitUsage       = 2   // bad usage, a missing file, a bad option or variable
	exitInterrupted = 130 // a signal ended stress, or came while invoke had no invocation to end
)

func main() {
	o, err := parse(os.Args[0], os.Args[1:], os.Getenv)
	if err != nil {
		os.Exit(refuse(err, os.Stdout, os.Stderr))
	}
	ctx := context.Background()
	if o.command != commandServe { // it has lambda.Start look after signals
		ctx = untilSignalled(ctx)
	}
	os.Exit(run(ctx, o, new(player), os.Stdin, os.Stdout, os.Stderr))
}

// untilSignalled returns a context that the first SIGINT or SIGTERM cancels, so that what is under way can
// still be reported. The second one ends the process.
func untilSignalled(ctx context.Context) context.Context {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx
}

// run does what o says, with play as the handler, and returns the exit code.
func run(ctx context.Context, o options, play *player, stdin io.Reader, stdout, stderr io.Writer) int {
	terminal := isTerminal(stderr)
	stderr = &wholeWriter{w: stderr}
	switch o.command {
	case commandServe:
		return serve(ctx, o, play, stderr)
	case commandStress:
		return stress(ctx, o, terminal, stdout, stderr)
	case commandPlan:
		writePlan(stdout, o.planned)
		return exitOK
	default:
		return invoke(ctx, o, play, stdin, stdout, stderr)
	}
}

// refuse tells why a command line was not accepted, or gives the help it asked for.
func refuse(err error, stdout, stderr io.Writer) int {
	if help, ok := errors.AsType[helpRequest](err); ok {
		fmt.Fprint(stdout, string(help))
		return exitOK
	}
	return fail(stderr, exitUsage, err)
}

// fail tells err and returns code.
func fail(stderr io.Writer, code int, err error) int {
	fmt.Fprintln(stderr, "demo:", err)
	return code
}
