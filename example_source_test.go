package troupe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
	"github.com/troupe-go/troupe/response"
	"github.com/troupe-go/troupe/sources"
)

// lines are events of a source that troupe does not know: a first line "lines:", then a record a line, whose first word
// is its identifier and whose second word is its group.
type lines struct{}

func (lines) Kind() troupe.Source { return "lines" }

func (lines) Limits() sources.Limits {
	return sources.Limits{NotAnEvent: func(payload []byte) bool { return !bytes.HasPrefix(payload, []byte("lines:")) }}
}

func (lines) Decode(payload []byte) (*sources.Batch[string], error) {
	text, ok := strings.CutPrefix(string(payload), "lines:\n") // a copy: the payload must not be kept
	if !ok {
		return nil, batch.Because(batch.ErrEvent, errors.New(`the payload does not begin with "lines:"`))
	}
	return lines{}.Read(slices.Collect(strings.Lines(text)))
}

func (lines) Read(event []string) (*sources.Batch[string], error) {
	b := &sources.Batch[string]{
		IDs:     make([]string, len(event)),
		Open:    func(i int) (string, error) { return strings.TrimSpace(event[i]), nil },
		Payload: func(i int) ([]byte, error) { return []byte(strings.TrimSpace(event[i])), nil },
		Group: func(i int) (string, bool) {
			words := strings.Fields(event[i])
			if len(words) < 2 {
				return "", false
			}
			return words[1], true
		},
	}
	for i, line := range event {
		b.IDs[i], _, _ = strings.Cut(line, " ")
	}
	return b, nil
}

// A custom source consists of a Reader and an Answer, which writes the response.
func ExampleNewProcessor() {
	failed := response.Answer[[]string]{
		Typed: func(_ *troupe.Report, ids []string) []string { return ids },
		JSON:  func(_ *troupe.Report, ids []string) []byte { return fmt.Append(nil, "failed: ", ids) },
	}
	processor, err := troupe.NewProcessor(lines{}, failed, func(ctx context.Context, line string) error {
		if strings.HasSuffix(line, "unknown") {
			return errors.New("no such order")
		}
		return nil
	}, troupe.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := processor.Invoke(context.Background(), []byte("lines:\n1 red known\n2 blue unknown\n3 red known\n4 blue known\n"))
	fmt.Println(string(answer), err)
	_, err = processor.Invoke(context.Background(), []byte(`{"Records":[]}`))
	fmt.Println(err)
	// Output:
	// failed: [2 4] <nil>
	// troupe: event cannot be processed: the payload does not begin with "lines:"
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

// A custom source whose batches end with one call, after their records have been handled one by one. For the sources
// of troupe, use package bulk.
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
	answer, err := processor.Invoke(context.Background(), []byte("lines:\n1 red known\n2 blue known\n"))
	fmt.Println(string(answer), err)
	// Output:
	// uploading 2 lines
	// failed: [] <nil>
}
