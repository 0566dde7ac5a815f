package troupe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/messages"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// lines are events of a source that troupe does not know: a record a line, known by its first word.
type lines struct{}

func (lines) Kind() messages.Source { return "lines" }

func (lines) Decode(payload []byte, g sources.Grouping[string]) (*sources.Batch[string], error) {
	var event []string
	for line := range bytes.Lines(payload) {
		event = append(event, string(bytes.TrimSpace(line))) // a copy: the payload must not be kept
	}
	return lines{}.Read(event, g)
}

func (lines) Read(event []string, _ sources.Grouping[string]) (*sources.Batch[string], error) {
	batch := &sources.Batch[string]{
		Record:  func(i int) (string, error) { return event[i], nil },
		Barrier: len(event),
	}
	for _, line := range event {
		id, _, _ := bytes.Cut([]byte(line), []byte(" "))
		batch.Results = append(batch.Results, messages.Result{ID: string(id)})
	}
	return batch, nil
}

// A source of one's own is a Reader, and an Answer that writes what it wants to hear.
func ExampleNew() {
	failed := response.Answer[[]string]{
		Typed: func(ids []string) []string { return ids },
		JSON:  func(ids []string) []byte { return fmt.Append(nil, "failed: ", ids) },
	}
	processor := troupe.New(lines{}, failed, func(ctx context.Context, line string) error {
		if line == "2 bad" {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithLogger(nil))

	answer, err := processor.Invoke(context.Background(), []byte("1 good\n2 bad\n3 good\n"))
	fmt.Println(string(answer), err)
	// Output: failed: [2] <nil>
}
