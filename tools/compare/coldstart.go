package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/tools/compare/batches"
	"github.com/troupe-go/troupe/tools/compare/rivals"
)

// coldStart measures the time from the start of a process to its first response, for two functions that
// differ by troupe alone. A Runtime API on this machine takes Lambda's place.
func coldStart(o options, w work) ([]row, error) {
	dir, err := os.MkdirTemp("", "coldstart")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	names := []string{"bare", "troupe"}
	programs := make([]string, len(names))
	for i, name := range names {
		programs[i] = filepath.Join(dir, name)
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", programs[i], "./coldstart/"+name)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return nil, err
		}
	}

	payload := batches.SQS(10)
	took := make([][]float64, len(programs))
	for round := range 2*o.rounds + 1 {
		for turn := range programs {
			i := (turn + round) % len(programs)
			d, err := firstResponse(programs[i], payload)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", names[i], err)
			}
			if round > 0 { // the first one reads the program from disk
				took[i] = append(took[i], d.Seconds()*1000)
			}
		}
	}

	var more []float64
	for round := range took[0] {
		more = append(more, took[1][round]-took[0][round])
	}
	rows := []row{
		{work: w.name, rival: "bare aws-lambda-go"},
		{work: w.name, rival: rivals.TroupeName},
	}
	for i := range rows {
		size, err := os.Stat(programs[i])
		if err != nil {
			return nil, err
		}
		rows[i].measured = fmt.Sprintf("%.1f ms, %.1f MB binary", spreadOf(took[i]).median, float64(size.Size())/1e6)
	}
	rows[1].judge(spreadOf(more).median, w.bounds[rivals.TroupeName], "%+.1f ms")
	return rows, nil
}

// linked measures the programs of coldStart as they are deployed.
func linked(_ options, w work) ([]row, error) {
	dir, err := os.MkdirTemp("", "linked")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var rows []row
	for _, name := range []string{"bare", "troupe"} {
		program := filepath.Join(dir, name)
		build := exec.Command("go", "build", "-trimpath", "-tags=lambda.norpc", "-ldflags=-s -w", "-o", program, "./coldstart/"+name)
		build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return nil, err
		}
		size, err := os.Stat(program)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row{work: w.name, rival: "bare aws-lambda-go", measured: fmt.Sprintf("%.1f MB", float64(size.Size())/1e6)})
		if name == "troupe" {
			rows[1].rival = rivals.TroupeName
			rows[1].judge(float64(size.Size())/1e6, w.bounds[rivals.TroupeName], "%.1f MB")
		}
	}
	return rows, nil
}

// runtimeAPI is as much of Lambda's Runtime API as a function needs for one invocation.
type runtimeAPI struct {
	payload []byte
	given   atomic.Bool // the invocation has been
	answers chan answer
}

type answer struct {
	at    time.Time
	path  string
	bytes string
}

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		at := time.Now()
		w.WriteHeader(http.StatusAccepted)
		a.answers <- answer{at, r.URL.Path, string(body)}
		return
	}
	if a.given.Swap(true) {
		<-r.Context().Done() // there is no second one
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-2:123456789012:function:compare")
	w.Write(a.payload)
}

// firstResponse runs a program up to its first response and says how long that took.
func firstResponse(program string, payload []byte) (time.Duration, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	api := &runtimeAPI{payload: payload, answers: make(chan answer, 1)}
	server := &http.Server{Handler: api}
	go server.Serve(listener) // until it is closed
	defer server.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	function := exec.CommandContext(ctx, program)
	function.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String(),
		"AWS_LAMBDA_FUNCTION_NAME=compare", "AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=1024")
	began := time.Now()
	if err := function.Start(); err != nil {
		return 0, err
	}
	defer function.Wait() // killed: what it says is of no interest
	defer function.Process.Kill()
	select {
	case got := <-api.answers:
		if !strings.HasSuffix(got.path, "/response") || !strings.HasPrefix(got.bytes, `{"batchItemFailures":[]}`) {
			return 0, fmt.Errorf("it answered %s at %s", got.bytes, got.path)
		}
		return got.at.Sub(began), nil
	case <-ctx.Done():
		return 0, errors.New("it did not answer")
	}
}
