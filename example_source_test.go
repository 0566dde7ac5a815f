package troupe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// lines are events of a source that troupe does not know: a record a line, whose first word is its identifier.
type lines struct{}

func (lines) Kind() troupe.Source { return "lines" }

func (lines) Decode(payload []byte) (*sources.Batch[string], error) {
	var event []string
	for line := range bytes.Lines(payload) {
		event = append(event, string(bytes.TrimSpace(line))) // a copy: the payload must not be kept
	}
	return lines{}.Read(event)
}

func (lines) Read(event []string) (*sources.Batch[string], error) {
	b := &sources.Batch[string]{Open: func(i int) (string, error) { return event[i], nil }}
	for _, line := range event {
		id, _, _ := bytes.Cut([]byte(line), []byte(" "))
		b.IDs = append(b.IDs, string(id))
	}
	return b, nil
}

// A source of one's own is a Reader, and an Answer that writes the response.
func ExampleNewProcessor() {
	failed := response.Answer[[]string]{
		Typed: func(_ *troupe.Report, ids []string) []string { return ids },
		JSON:  func(_ *troupe.Report, ids []string) []byte { return fmt.Append(nil, "failed: ", ids) },
	}
	processor, err := troupe.NewProcessor(lines{}, failed, func(ctx context.Context, line string) error {
		if line == "2 bad" {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := processor.Invoke(context.Background(), []byte("1 good\n2 bad\n3 good\n"))
	fmt.Println(string(answer), err)
	// Output: failed: [2] <nil>
}

// upload ends a batch of lines: one call for all that were handled.
type upload struct{ succeeded int }

func (u *upload) Admit(_ *sources.Plan[string], report *troupe.Report) func(context.Context) error {
	u.succeeded = report.Succeeded
	return func(context.Context) error {
		fmt.Println("uploading", u.succeeded, "lines")
		return nil
	}
}

func (u *upload) Spread(report *troupe.Report, one troupe.Result) {
	for i := range report.Records {
		if r := &report.Records[i]; one.Err != nil && r.Outcome == troupe.Succeeded {
			r.Outcome, r.Err = troupe.Failed, one.Err
		}
	}
}

// A batch of a source of one's own that ends with one call, after its records have been handled one by one. For
// the sources that troupe knows, package bulk does that.
func ExampleNewThen() {
	failed := response.Answer[[]string]{
		Typed: func(_ *troupe.Report, ids []string) []string { return ids },
		JSON:  func(_ *troupe.Report, ids []string) []byte { return fmt.Append(nil, "failed: ", ids) },
	}
	handler := func(ctx context.Context, line string) error { return nil }
	processor, err := troupe.NewThen(lines{}, failed, handler, func() sources.Then[string] { return &upload{} })
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := processor.Invoke(context.Background(), []byte("1 good\n2 good\n"))
	fmt.Println(string(answer), err)
	// Output:
	// uploading 2 lines
	// failed: [] <nil>
}
