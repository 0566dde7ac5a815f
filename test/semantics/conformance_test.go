package semantics_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
)

// conformanceCase is a batch and what becomes of it in a Powertools library, recorded in
// testdata/conformance.jsonl.
type conformanceCase struct {
	ID       string
	Source   string
	Policy   string
	Parallel bool
	Records  []struct {
		ID      string
		Group   *string
		Outcome string
	}
	ExpectFailures []string `json:"expect_failures"`
	ExpectError    bool     `json:"expect_error"`
	Order          string
	Options        struct {
		ErrorWhen string `json:"error_when"`
	}
	Notes  string
	Origin string
}

func conformanceCases(t *testing.T) (cases []conformanceCase) {
	t.Helper()
	text, err := os.ReadFile("testdata/conformance.jsonl")
	require.NoError(t, err)
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		var c conformanceCase
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(&c), "%s", lines.Text())
		cases = append(cases, c)
	}
	require.NoError(t, lines.Err())
	return cases
}

// calls counts the calls of a handler by record.
type calls struct {
	mu sync.Mutex
	of map[string]int
}

func (c *calls) note(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = make(map[string]int)
	}
	c.of[id]++
}

// says reports whether the notes of a case say something.
func (c *conformanceCase) says(what string) bool { return strings.Contains(c.Notes, what) }

// through says how a case sets what it sets: in code, or through the environment where its notes say so.
func (c *conformanceCase) through(t *testing.T) (options []troupe.Option) {
	t.Helper()
	policies := map[string]troupe.Policy{"derive": troupe.Derive, "continue": troupe.Continue, "stop": troupe.StopBatch, "stop-group": troupe.StopGroup}
	require.Contains(t, policies, c.Policy)
	errorWhens := map[string]troupe.ErrorWhen{"all": troupe.ErrorWhenAll, "never": troupe.ErrorWhenNever}
	require.Contains(t, errorWhens, c.Options.ErrorWhen)

	if c.says("policy from POWERTOOLS_BATCH_ERROR_HANDLING_POLICY") {
		require.Equal(t, "stop", c.Policy)
		t.Setenv("POWERTOOLS_BATCH_ERROR_HANDLING_POLICY", "StopOnFirstBatchItemFailure")
	} else {
		options = append(options, troupe.WithPolicy(policies[c.Policy]))
	}
	switch {
	case c.says("parallel enabled through env"):
		require.True(t, c.Parallel)
		t.Setenv("POWERTOOLS_BATCH_PARALLEL_ENABLED", "true")
	case !c.Parallel:
		options = append(options, troupe.WithConcurrency(1))
	}
	if c.says("via POWERTOOLS_BATCH_THROW_ON_FULL_BATCH_FAILURE=false") {
		require.Equal(t, "never", c.Options.ErrorWhen)
		t.Setenv("POWERTOOLS_BATCH_THROW_ON_FULL_BATCH_FAILURE", "false")
	} else {
		options = append(options, troupe.WithErrorWhen(errorWhens[c.Options.ErrorWhen]))
	}
	return append(options, troupe.WithLogger(slog.New(slog.DiscardHandler)))
}

// undecodable reports whether the record is one whose payload cannot be read, so that its handler is not
// called, rather than one whose handler fails.
func (c *conformanceCase) undecodable(id string) bool {
	return id == "2" && (c.says("record 2 = unparsable payload") || c.says("record 2 cannot be parsed"))
}

func (c *conformanceCase) document(t *testing.T) []byte {
	t.Helper()
	var texts []string
	for _, r := range c.Records {
		group := ""
		if r.Group != nil {
			group = *r.Group
		}
		text := written(c.Source, record{id: r.ID, group: group, body: r.Outcome})
		if c.undecodable(r.ID) {
			require.Equal(t, "error", r.Outcome)
			switch c.Source {
			case kinesis:
				text = replace(t, text, `"data":"`, `"data":"%`)
			case dynamodb:
				text = replace(t, text, `"body":{"S":"error"}`, `"body":{"S":1}`)
			default:
				text = replace(t, text, `"body":"error"`, `"body":1`)
			}
		}
		texts = append(texts, text)
	}
	return event(texts...)
}

// SPEC S1 to S7, P1 to P4, O4: what users of a Powertools library rely on. The FIFO queue of jv-003 is known
// for one by its message groups in the library that the case is from; SPEC P4 goes by the name of the queue,
// so here it has a name that ends in .fifo, like all of them.
func TestBatchesEndAsInThePowertoolsLibraries(t *testing.T) {
	cases := conformanceCases(t)
	assert.Len(t, cases, 59)
	processors := map[string]lambda.Handler{}
	seen := map[lambda.Handler]*calls{}
	for _, c := range cases {
		var report reported
		t.Run(c.ID, func(t *testing.T) {
			handled := &calls{}
			p := processors["ts-020a"]
			if c.ID == "ts-020b" { // on the same processor
				require.NotNil(t, p)
				require.Contains(t, c.Notes, "processed again")
				handled = seen[p]
			} else {
				p = process(c.Source, func(ctx context.Context, body string) error {
					rec, _ := troupe.RecordFrom(ctx)
					handled.note(rec.ID)
					if body == "error" {
						return errors.New("failed " + rec.ID)
					}
					return nil
				}, append(c.through(t), troupe.WithObserver(report.observe))...)
				processors[c.ID], seen[p] = p, handled
			}

			response, err := p.Invoke(context.Background(), c.document(t))

			if c.ExpectError {
				require.Error(t, err)
				assert.Nil(t, response)
				c.checkErrors(t, err)
			} else {
				require.NoError(t, err)
				if c.Order == "exact" {
					assert.Equal(t, append([]string{}, c.ExpectFailures...), failures(t, response))
				} else {
					assert.ElementsMatch(t, c.ExpectFailures, failures(t, response))
				}
			}
			c.checkCalls(t, handled)
			if c.says("failure list carries record, error and id; success list empty") {
				require.Equal(t, 2, report.Failed)
				assert.Zero(t, report.Succeeded)
				for i, r := range report.Records {
					assert.Equal(t, c.Records[i].ID, r.ID)
					assert.EqualError(t, r.Err, "failed "+r.ID)
				}
			}
		})
	}
}

// checkErrors checks that the invocation's error has that of each record, in batch order and by name.
func (c *conformanceCase) checkErrors(t *testing.T, err error) {
	t.Helper()
	var all interface{ Unwrap() []error }
	require.ErrorAs(t, err, &all)
	require.Len(t, all.Unwrap(), len(c.ExpectFailures))
	for i, inner := range all.Unwrap() {
		assert.Contains(t, inner.Error(), `"`+c.ExpectFailures[i]+`"`)
		assert.Contains(t, inner.Error(), "failed "+c.ExpectFailures[i])
	}
}

// checkCalls checks that the handler was called once for each record that was not stopped: those that
// are reported though nothing was wrong with them were never handed to it, neither were those after the
// failure that stopped them.
func (c *conformanceCase) checkCalls(t *testing.T, handled *calls) {
	t.Helper()
	stopped, groups := false, map[string]bool{}
	for _, r := range c.Records {
		group := ""
		if r.Group != nil {
			group = *r.Group
		}
		want := 1
		if stopped || groups[group] || c.undecodable(r.ID) {
			want = 0
		}
		assert.Equal(t, want, handled.of[r.ID], "record %s", r.ID)
		reported := slices.Contains(c.ExpectFailures, r.ID)
		assert.Equal(t, reported, r.Outcome == "error" || stopped || groups[group], "record %s: the case contradicts itself", r.ID)
		if r.Outcome != "error" {
			continue
		}
		switch {
		case c.Policy == "stop", c.Policy == "derive" && c.Source == fifo:
			stopped = true
		case c.Policy == "stop-group", c.Policy == "derive" && (c.Source == kinesis || c.Source == dynamodb):
			groups[group] = true
		}
	}
	switch {
	case c.says("3 calls"):
		assert.Len(t, handled.of, 3)
	case c.says("called exactly twice"):
		assert.Equal(t, map[string]int{"1": 1, "2": 1}, handled.of)
	case c.says("record 4 skipped"):
		assert.NotContains(t, handled.of, "4")
		assert.Contains(t, handled.of, "5")
	case c.says("groups are also failed"):
		assert.Equal(t, map[string]int{"1": 1, "2": 1}, handled.of)
	}
}
