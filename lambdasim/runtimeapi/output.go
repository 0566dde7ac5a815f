package runtimeapi

import (
	"bytes"
	"os"
	"sync"
)

// output is a pipe that a process writes to, and its reader.
//
// This process keeps the other end of the pipe too. What it writes there follows everything that the process has
// written before, so when a mark has been read back, all of that has been read.
type output struct {
	w    *os.File
	r    *os.File
	line func([]byte)
	done chan struct{} // closed when the reader has ended

	mu    sync.Mutex
	marks []chan struct{} // those that are in the pipe, in order
}

var mark = []byte("\x00lambdasim\x00")

// maxLine bounds a line without an end.
const maxLine = 1 << 20

// newOutput returns an output that calls line with each line, including its newline.
func newOutput(line func([]byte)) (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o := &output{w: w, r: r, line: line, done: make(chan struct{})}
	go o.read() // ends with close
	return o, nil
}

func (o *output) read() {
	defer close(o.done)
	var text []byte
	chunk := make([]byte, 64<<10)
	for {
		n, err := o.r.Read(chunk)
		text = o.take(append(text, chunk[:n]...))
		if err != nil {
			break
		}
	}
	if len(text) > 0 {
		o.line(text)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, reached := range o.marks {
		close(reached)
	}
	o.marks = nil
}

// take handles the lines and marks in text and returns the rest.
func (o *output) take(text []byte) []byte {
	for {
		at := bytes.Index(text, mark)
		end := bytes.IndexByte(text, '\n')
		switch {
		case at >= 0 && (end < 0 || at < end):
			text = append(text[:at], text[at+len(mark):]...)
			o.reach()
		case end >= 0:
			o.line(text[:end+1])
			text = text[end+1:]
		case len(text) > maxLine:
			o.line(text)
			text = nil
		default:
			return text
		}
	}
}

// reach wakes the goroutine that waits for the first mark.
func (o *output) reach() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.marks) > 0 {
		close(o.marks[0])
		o.marks = o.marks[1:]
	}
}

// sync blocks until everything written so far has been handled.
func (o *output) sync() {
	reached := make(chan struct{})
	o.mu.Lock()
	o.marks = append(o.marks, reached)
	o.mu.Unlock()
	if _, err := o.w.Write(mark); err != nil {
		return // the pipe has been closed, and what was in it has been read or never will be
	}
	<-reached
}

// close ends the reader. What has not been read is lost.
func (o *output) close() {
	_ = o.w.Close()
	_ = o.r.Close()
	<-o.done
}
