// Package cli implements the command line of troupe. It runs a processor under load and faults from simulated sources,
// runs an event through it, estimates the capacity for a workload, checks templates for settings that lose messages, or
// runs as a Lambda function. Where it runs events, each record describes what its handler does, see directive.
//
// The commands demo and troupe are the same program under two names.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
)

// The exit codes.
const (
	exitOK          = 0
	exitError       = 1   // the invocation returned an error, or stress failed
	exitUsage       = 2   // bad usage, a missing file, a bad option or variable
	exitInterrupted = 130 // SIGINT ended stress, or arrived before invoke had an event
	exitTerminated  = 143 // the same by SIGTERM
)

// Main runs the command line of the process and returns its exit code. name is the name of the command in messages. The
// first SIGINT or SIGTERM ends the command with a report; a second one ends the process.
func Main(name string) int {
	o, err := parse(name, calledBy(os.Args[0], name), os.Args[1:], os.Getenv)
	if err != nil {
		return o.refuse(err, os.Stdout, os.Stderr)
	}
	ctx := context.Background()
	if o.command != commandServe { // lambda.Start handles signals itself
		ctx = untilSignalled(ctx)
	}
	return run(ctx, o, new(player), os.Stdin, os.Stdout, os.Stderr)
}

// calledBy returns how help refers to a program: as it was called, or by its name if go run has built it, since nobody
// types that path.
func calledBy(program, name string) string {
	if strings.Contains(filepath.ToSlash(program), "/go-build") {
		return name
	}
	return program
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
		return checkFiles(ctx, o, stdin, stdout, stderr)
	default:
		return invoke(ctx, o, play, stdin, stdout, stderr)
	}
}

// refuse prints why a command line is invalid, or the requested help or version.
func (o options) refuse(err error, stdout, stderr io.Writer) int {
	if asked, ok := errors.AsType[helpRequest](err); ok {
		fmt.Fprint(stdout, help(o.name, asked.program, asked.command, columns(stdout, helpWidth)))
		return exitOK
	}
	if _, ok := errors.AsType[versionRequest](err); ok {
		info, known := debug.ReadBuildInfo()
		fmt.Fprint(stdout, fill(version(o.name, info, known), columns(stdout, 0), "", "  "))
		return exitOK
	}
	return o.fail(stderr, exitUsage, err)
}

// fail prints err and returns code.
func (o options) fail(stderr io.Writer, code int, err error) int {
	text := fmt.Sprintf("%s: %v\n", o.name, err)
	if width := columns(stderr, 0); width > 0 {
		text = layout(text, width)
	}
	fmt.Fprint(stderr, text)
	return code
}
