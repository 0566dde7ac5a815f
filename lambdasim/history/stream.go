package history

import (
	"bufio"
	"fmt"
	"io"
	"iter"
)

// Writer writes events in their text form, one per line. It is buffered: call Flush at the end. A Writer is not safe
// for concurrent use.
type Writer struct {
	out  *bufio.Writer
	line []byte
	err  error
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{out: bufio.NewWriter(w)} }

// Write writes an event. Flush returns the first error.
func (w *Writer) Write(e Event) {
	if w.err != nil {
		return
	}
	w.line, _ = e.AppendText(w.line[:0])
	w.line = append(w.line, '\n')
	_, w.err = w.out.Write(w.line)
}

// Flush writes the buffered events and returns the first error.
func (w *Writer) Flush() error {
	if err := w.out.Flush(); w.err == nil {
		w.err = err
	}
	return w.err
}

// maxLine bounds a line: a response may name 10,000 records and more.
const maxLine = 16 << 20

// Read returns the events in r, one at a time. An error contains the line number and ends the sequence.
func Read(r io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, maxLine)
		for n := 1; lines.Scan(); n++ {
			var e Event
			if err := e.UnmarshalText(lines.Bytes()); err != nil {
				yield(Event{}, fmt.Errorf("line %d: %w", n, err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Event{}, fmt.Errorf("history: %w", err))
		}
	}
}
