package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// process is another process that works when it is asked to: it reads a line of JSON and answers with one.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

// result is the answer to a request for work.
type result struct {
	Nanoseconds int64
	Error       string `json:",omitempty"`
}

func startProcess(command *exec.Cmd) (*process, error) {
	p := &process{command: command}
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if p.in, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	return p, command.Start()
}

// ask makes the process work and returns how long it took.
func (p *process) ask(request any) (time.Duration, error) {
	if err := json.NewEncoder(p.in).Encode(request); err != nil {
		return 0, err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return 0, fmt.Errorf("%s has ended: %w", p.command.Path, err)
	}
	var r result
	if err := json.Unmarshal(line, &r); err != nil {
		return 0, err
	}
	if r.Error != "" {
		return 0, errors.New(r.Error)
	}
	return time.Duration(r.Nanoseconds), nil
}

func (p *process) stop() {
	p.in.Close()
	p.command.Wait() // it ends at the end of its input
}

// apart starts a process for each contestant, so that no one pays for the garbage, the pools or the goroutines of
// another. stop ends the processes.
func apart(w work, contestants []contestant) (remote []contestant, stop func(), err error) {
	var all []*process
	stop = func() {
		for _, p := range all {
			p.stop()
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, stop, err
	}
	for _, c := range contestants {
		if c.absent == "" {
			if c.command == nil {
				c.command = []string{self, "-contestant", w.name + separator + c.name}
				c.request = func(batches int) any { return batches }
			}
			command := exec.Command(c.command[0], c.command[1:]...)
			command.Env = append(os.Environ(), c.env...)
			p, err := startProcess(command)
			if err != nil {
				stop()
				return nil, func() {}, err
			}
			all = append(all, p)
			c.pid = command.Process.Pid
			c.run = func(batches int) (time.Duration, error) { return p.ask(c.request(batches)) }
		}
		remote = append(remote, c)
	}
	return remote, stop, nil
}

const separator = "\x1f" // between the names of a work and of its contestant

// serve is the other side of apart: it is the contestant of that name.
func serve(name string, in io.Reader, out io.Writer) error {
	workName, contestantName, _ := strings.Cut(name, separator)
	for _, w := range works(&node{absent: "not in this process"}) {
		if w.name != workName {
			continue
		}
		for _, c := range w.contestants() {
			if c.name == contestantName {
				return c.serve(in, out)
			}
		}
	}
	return fmt.Errorf("compare: there is no contestant %q", name)
}

func (c contestant) serve(in io.Reader, out io.Writer) error {
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var batches int
		switch err := requests.Decode(&batches); {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		runtime.GC() // what came before is not this round's garbage
		var r result
		took, err := c.run(batches)
		if r.Nanoseconds = int64(took); err != nil {
			r.Error = err.Error()
		}
		if err := answers.Encode(r); err != nil {
			return err
		}
	}
}
