// Command demo tries troupe out without AWS. It puts a processor under load and faults from simulated sources, runs one
// event through it, estimates the capacity for a workload, checks templates for settings that lose messages, or serves as a
// Lambda function. Where it runs events, each record describes what happens to it, see directive.
//
//	demo stress
//	demo invoke testdata/events/sqs.json
//	demo plan --rate 500 --work 200ms
//	demo check template.yaml
//	demo serve
//
// demo --help lists the commands, and demo COMMAND --help the flags of each.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

// The exit codes.
const (
	exitOK          = 0
	exitError       = 1   // the invocation returned an error; the verdict of stress is a failure
	exitUsage       = 2   // bad usage, a missing file, a bad option or variable
	exitInterrupted = 130 // SIGINT ended stress, or came before invoke had an event
	exitTerminated  = 143 // the same by SIGTERM
)

func main() {
	o, err := parse(os.Args[0], os.Args[1:], os.Getenv)
	if err != nil {
		os.Exit(refuse(err, os.Stdout, os.Stderr))
	}
	ctx := context.Background()
	if o.command != commandServe { // lambda.Start handles signals itself
		ctx = untilSignalled(ctx)
	}
	os.Exit(run(ctx, o, new(player), os.Stdin, os.Stdout, os.Stderr))
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
	case commandCheck:
		return checkFiles(ctx, o.checked, stdin, stdout, stderr)
	default:
		return invoke(ctx, o, play, stdin, stdout, stderr)
	}
}

// refuse prints why a command line is not accepted, or the help or version that it asks for.
func refuse(err error, stdout, stderr io.Writer) int {
	if asked, ok := errors.AsType[helpRequest](err); ok {
		fmt.Fprint(stdout, help(asked.program, asked.command, columns(stdout, helpWidth)))
		return exitOK
	}
	if _, ok := errors.AsType[versionRequest](err); ok {
		info, known := debug.ReadBuildInfo()
		fmt.Fprint(stdout, fill(version(info, known), columns(stdout, 0), "", "  "))
		return exitOK
	}
	return fail(stderr, exitUsage, err)
}

// fail prints err and returns code.
func fail(stderr io.Writer, code int, err error) int {
	text := fmt.Sprintf("demo: %v\n", err)
	if width := columns(stderr, 0); width > 0 {
		text = layout(text, width)
	}
	fmt.Fprint(stderr, text)
	return code
}
