package fuzz

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// The targets hold Invoke to SPEC S1 to S6, P1, D3 and D6, whatever the bytes are: either an error that
// matches ErrEvent, and no handler has run, or an answer to the very records that encoding/json finds in the
// document, which reports those that the handler did not succeed at, in batch order, each once.
//
// Which documents may be refused at all is held by the targets of sources and kafka, which compare them
// with an oracle of their own. Here it is enough that nothing is lost on the way through all layers.

func FuzzInvokeSQS(f *testing.F) { sqs().fuzz(f) }

func FuzzInvokeKinesis(f *testing.F) { kinesis().fuzz(f) }

func FuzzInvokeDynamoDB(f *testing.F) { dynamoDB().fuzz(f) }

func FuzzInvokeKafka(f *testing.F) { topic().fuzz(f) }

// A fuzz target whose seeds are all refused would look at nothing.
func TestSeedsAreAnsweredAndRefused(t *testing.T) {
	for name, s := range map[string]source{"SQS": sqs(), "Kinesis": kinesis(), "DynamoDB": dynamoDB(), "Kafka": topic()} {
		t.Run(name, func(t *testing.T) {
			answered, refused, reported := 0, 0, 0
			for _, document := range s.seeds(t) {
				ids, err := s.check(t, []byte(document), 0)
				if err != nil {
					refused++
					continue
				}
				answered++
				reported += min(1, len(ids))
			}
			t.Logf("%d seeds answered, %d of them with failures, %d refused", answered, reported, refused)
			require.Greater(t, answered, 8)
			require.Greater(t, reported, 4)
			require.Greater(t, refused, 8)
		})
	}
}

func (s source) fuzz(f *testing.F) {
	for i, document := range s.seeds(f) {
		f.Add([]byte(document), byte(i))
		f.Add([]byte(document), byte(1)) // SPEC P1 has most of a batch handled
	}
	f.Fuzz(func(t *testing.T, payload []byte, choice byte) { _, _ = s.check(t, payload, choice) })
}

// seeds are all sample events, those of other sources too, and this source's own with fields in another case,
// repeated and null.
func (s source) seeds(t testing.TB) []string {
	t.Helper()
	seeds := []string{
		``, `null`, `[]`, `{}`, `{"Records":null}`, `{"Records":[],"records":[]}`, `{"Records":[null]}`, `{"Records":[{}]} x`,
		`{"Records":[]}`, `{"Recordſ":[]}`, `{"records":{}}`, `{"RECORDS":{"t-0":[]}}`, `{"records":{"t-0":null}}`, `{"records":{"t-0":[],"t-0":[]}}`,
	}
	paths, err := filepath.Glob("../../testdata/events/*.json")
	require.NoError(t, err)
	own := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		sample := string(text)
		seeds = append(seeds, sample)
		if !strings.Contains(sample, s.origin) {
			continue
		}
		own++
		if s.alone {
			continue
		}
		for field := range s.fields {
			require.Contains(t, sample, `"`+field+`":`, path)
		}
		seeds = append(seeds, s.strayed(sample)...)
	}
	require.Positive(t, own)
	// Changing bytes at random gets further in few bytes.
	return append(append(append(seeds, s.small), s.also...), s.strayed(s.small)...)
}

// strayed returns a document with fields in another case, escaped, repeated, null, missing and of a wrong kind,
// everywhere or in one record.
func (s source) strayed(document string) (strayed []string) {
	for _, field := range slices.Sorted(maps.Keys(s.fields)) {
		name, other := `"`+field+`":`, s.fields[field]
		for _, instead := range []string{
			strings.ToUpper(name), strings.ToLower(name), strings.Replace(name, "s", "ſ", 1), strings.Replace(name, "e", `\u0065`, 1),
			name + `null,` + name, name + other + `,` + name, strings.ToUpper(name) + other + `,` + name,
			`"_":`, name + `null,"_":`, name + `{"a":[1]},` + name,
		} {
			strayed = append(strayed, strings.ReplaceAll(document, name, instead), strings.Replace(document, name, instead, 1))
		}
	}
	return append(strayed, strings.Replace(document, `"eventSource"`, `"eventSourcf"`, 1), document[:len(document)/2])
}

// record is a record as encoding/json reads it.
type record struct {
	id    string
	sound bool // all of it can be decoded
}

// source is one of the sources: how it is read without troupe, and its processor.
type source struct {
	origin   string                         // that the sample events have
	small    string                         // an event
	also     []string                       // more of them
	alone    bool                           // the sample events do not have the fields
	fields   map[string]string              // of a record in the sample events, with other values that they can have
	read     func([]byte) []record          // in batch order
	reported func([]byte) ([]string, error) // reads a response
	start    func(handle func(context.Context, string) error, options ...troupe.Option) lambda.Handler
	// barrier: a record whose group cannot be read holds up the ones after it (SPEC D6).
	barrier bool
}

// check gives a document to a processor and holds what comes to the law. It returns what Invoke did.
func (s source) check(t *testing.T, payload []byte, choice byte) (reported []string, err error) {
	policies := []troupe.Policy{troupe.Derive, troupe.Continue, troupe.StopGroup, troupe.StopBatch}
	policy := policies[choice%4]
	options := []troupe.Option{troupe.WithPolicy(policy), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency([]int{1, 16}[choice/4%2])}
	unordered := choice/8%2 == 1
	if unordered {
		options = append(options, troupe.WithoutOrder())
	}

	want := s.read(payload)
	came := newLedger()
	var report *troupe.Report
	options = append(options, troupe.WithObserver(func(_ context.Context, r *troupe.Report) { report = r }))
	given := slices.Clone(payload)
	response, err := s.start(came.handle, options...).Invoke(t.Context(), given)
	for i := range given {
		given[i] = 'x' // Lambda's runtime uses the buffer again; the ledger still has what the handler was given (D3)
	}
	if err != nil {
		require.ErrorIs(t, err, troupe.ErrEvent)
		require.Nil(t, response)
		require.Empty(t, came.calls, "a handler has run (S6)")
		return nil, err
	}

	require.Empty(t, came.faults)
	require.NotNil(t, report)
	require.Len(t, report.Records, len(want), "S1")
	failed := []string{}
	held := false // by a record before that may be of any group
	for i, r := range want {
		require.Equal(t, r.id, report.Records[i].ID, "S4: record %d", i)
		outcome, called := came.calls[i]
		if called {
			require.Equal(t, r.id, outcome.id, "record %d", i)
		}
		require.Equal(t, called && outcome.ok, report.Records[i].Outcome == troupe.Succeeded, "S1: record %d", i)
		if (!called || !outcome.ok) && !slices.Contains(failed, r.id) {
			failed = append(failed, r.id)
		}
		held = held || s.barrier && !unordered && !r.sound
		if policy == troupe.Continue && r.sound && !held {
			require.True(t, called, "P1, D6: record %d was not handled", i)
		}
	}
	reported, err = s.reported(response)
	require.NoError(t, err, "%s", response)
	require.Equal(t, failed, reported, "S3")
	return reported, nil
}

// ledger is a handler that fails by what an identifier is, and what it was called with.
type ledger struct {
	mu     sync.Mutex
	calls  map[int]call // by index
	faults []string
}

type call struct {
	id string
	ok bool
}

func newLedger() *ledger { return &ledger{calls: map[int]call{}} }

func (l *ledger) handle(ctx context.Context, id string) error {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(id))
	fate := sum.Sum32() >> 7 % 8
	l.book(ctx, id, fate > 3)
	switch fate {
	case 0:
		panic("by its hash")
	case 1:
		runtime.Goexit()
	case 2, 3:
		return errors.New("by its hash")
	}
	return nil
}

func (l *ledger) book(ctx context.Context, id string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rec, known := troupe.RecordFrom(ctx)
	_, again := l.calls[rec.Index]
	if !known || again || rec.ID != id {
		l.faults = append(l.faults, "a handler was called for "+id+" as for "+rec.ID)
	}
	l.calls[rec.Index] = call{id, ok}
}
