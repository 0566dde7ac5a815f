package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	lambdamessages "github.com/aws/aws-lambda-go/lambda/messages"

	"github.com/troupe-go/troupe"
)

// reportGrace is how long invoke waits for the report of an invocation that ended past its deadline. A
// Lambda function does not wait for it.
const reportGrace = time.Second

// invoke runs one event through the processor: the response goes to stdout, everything else to stderr.
func invoke(ctx context.Context, o options, play *player, stdin io.Reader, stdout, stderr io.Writer) int {
	reported := make(chan struct{})
	f, err := newFunction(o, play, stderr, troupe.WithObserver(func(context.Context, *troupe.Report) { close(reported) }))
	if err != nil { // before it waits for an event
		return o.fail(stderr, exitUsage, inFlags(err, o.given))
	}
	payload, err := readFile(ctx, o.file, stdin)
	switch {
	case err != nil && ctx.Err() != nil:
		return o.fail(stderr, interruptedBy(ctx), err)
	case err != nil:
		return o.fail(stderr, exitUsage, err)
	}

	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	response, err := lambda.NewHandler(f).Invoke(ctx, payload)
	if _, ok := errors.AsType[refusedError](err); ok {
		return o.fail(stderr, exitUsage, inFlags(err, o.given))
	}
	if _, refused := err.(*troupe.EventError); !refused { // then there is no report
		wait(reported, reportGrace)
	}
	if err != nil {
		return failInvocation(stderr, err)
	}
	if _, err := stdout.Write(append(response, '\n')); err != nil {
		return o.fail(stderr, exitError, fmt.Errorf("cannot write the response: %w", err))
	}
	return exitOK
}

// readFile reads a file, or stdin if it is "-". It does not wait for more once ctx has ended.
func readFile(ctx context.Context, file string, stdin io.Reader) ([]byte, error) {
	type content struct {
		data []byte
		err  error
	}
	read := make(chan content, 1)
	go func() { // ends with the file, or with the process
		var c content
		if file == "-" {
			c.data, c.err = io.ReadAll(stdin)
		} else {
			c.data, c.err = os.ReadFile(file)
		}
		read <- c
	}()
	select {
	case c := <-read:
		return c.data, c.err
	case <-ctx.Done():
		return nil, fmt.Errorf("%s was not read: %w", fileName(file), context.Cause(ctx))
	}
}

// fileName returns the name of a file for errors.
func fileName(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// failInvocation prints an invocation's error in the form that Lambda receives.
func failInvocation(stderr io.Writer, err error) int {
	writeLine(stderr, lambdaError(err))
	return exitError
}

// lambdaError returns the error that aws-lambda-go makes of err.
func lambdaError(err error) lambdamessages.InvokeResponse_Error {
	if e, ok := err.(lambdamessages.InvokeResponse_Error); ok {
		return e
	}
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return lambdamessages.InvokeResponse_Error{Message: err.Error(), Type: t.Name()}
}

func wait(done <-chan struct{}, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}
