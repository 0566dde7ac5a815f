package response

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/batch"
)

// resultsOf reads results such as "a! b c?": a failed, b succeeded, c was dropped.
func resultsOf(text string) (results []batch.Result) {
	for word := range strings.FieldsSeq(text) {
		r := batch.Result{ID: strings.TrimRight(word, "!?"), Outcome: batch.Succeeded}
		switch word[len(word)-1] {
		case '!':
			r.Outcome, r.Err = batch.Failed, errors.New("failed "+r.ID)
		case '?':
			r.Outcome = batch.Dropped
		}
		results = append(results, r)
	}
	return results
}

// SPEC S3: batch order, each identifier once, never nil; what was dropped is not told.
func TestFailuresAreToldOnceInBatchOrder(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "[]",
		"a b c":              "[]",
		"a! b c!":            "[a c]",
		"c! b! a!":           "[c b a]",
		"a! a a!":            "[a]",
		"a b! a! b!":         "[b a]",
		"a? b! c?":           "[b]",
		"a? b?":              "[]",
		"10! 9! 1! 10! 9! 8": "[10 9 1]",
	} {
		ids := Failures(resultsOf(text))
		assert.NotNil(t, ids)
		assert.Equal(t, want, fmt.Sprint(ids), text)
	}
}

// SPEC S4, S8.
func TestLowestIsTheLowestIntegerOrTheFirst(t *testing.T) {
	for _, c := range []struct{ ids, want []string }{
		{nil, nil},
		{[]string{}, []string{}},
		{[]string{"x"}, []string{"x"}},
		{[]string{"10", "9", "11"}, []string{"9"}},
		{[]string{"2", "2"}, []string{"2"}},
		{[]string{"02", "2"}, []string{"02"}},
		{[]string{"b", "a"}, []string{"b"}},
		{[]string{"3", "", "1"}, []string{"3"}},
		{[]string{"3", "1.5", "1"}, []string{"3"}},
		{[]string{"3", "+1", "1"}, []string{"3"}},
		{[]string{"3", "１", "1"}, []string{"3"}},
		{[]string{"3", "1_0", "1"}, []string{"3"}},
		{[]string{"0x10", "1"}, []string{"0x10"}},
	} {
		assert.Equal(t, c.want, Lowest(c.ids), "%q", c.ids)
	}
}

func TestLowestIsTheMinimumOfIntegersOfAnyLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.StringMatching(`[0-9]{1,60}`), 1, 20).Draw(t, "ids")
		least := slices.MinFunc(ids, func(a, b string) int {
			x, _ := new(big.Int).SetString(a, 10)
			y, _ := new(big.Int).SetString(b, 10)
			return x.Cmp(y)
		})
		require.Equal(t, []string{least}, Lowest(ids))
	})
}

// SPEC S3: the bytes are those of the typed responses, for any identifiers.
func TestEncodeWritesWhatEncodingJSONWouldRead(t *testing.T) {
	assert.Equal(t, `{"batchItemFailures":[]}`, string(Encode(nil)))
	assert.Equal(t, `{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}`, string(Encode([]string{"a", "b"})))
	long := strings.Repeat("1234567890", 100)
	assert.Equal(t, `{"batchItemFailures":[{"itemIdentifier":"`+long+`"}]}`, string(Encode([]string{long})))
	rapid.Check(t, func(t *rapid.T) {
		ids := rapid.SliceOfN(rapid.String(), 0, 10).Draw(t, "ids")
		text := Encode(ids)
		require.True(t, utf8.Valid(text))
		for _, typed := range []any{SQS(ids), Kinesis(ids), DynamoDB(ids)} {
			want, err := json.Marshal(typed)
			require.NoError(t, err)
			require.JSONEq(t, string(want), string(text))
		}
		var read struct {
			BatchItemFailures []struct{ ItemIdentifier string }
		}
		require.NoError(t, json.Unmarshal(text, &read))
		got := []string{}
		for _, item := range read.BatchItemFailures {
			got = append(got, item.ItemIdentifier)
		}
		require.Equal(t, append([]string{}, ids...), got)
	})
}

// SPEC S3: the same for every byte there is, those that encoding/json escapes for HTML's sake among them.
func TestEncodeWritesEveryByteAsEncodingJSONDoes(t *testing.T) {
	for c := range 256 {
		for _, id := range []string{string([]byte{byte(c)}), "before " + string([]byte{byte(c)}) + " after"} {
			want, err := json.Marshal(SQS([]string{id}))
			require.NoError(t, err)
			require.Equal(t, string(want), string(Encode([]string{id})), "%q", id)
		}
	}
}

// SPEC S3: an empty list is [] for the typed responses too.
func TestTypedResponsesNeverHoldNull(t *testing.T) {
	for _, ids := range [][]string{nil, {}} {
		for _, typed := range []any{SQS(ids), Kinesis(ids), DynamoDB(ids)} {
			text, err := json.Marshal(typed)
			require.NoError(t, err)
			assert.Equal(t, `{"batchItemFailures":[]}`, string(text))
		}
	}
}

// SPEC S7.
func TestErrorSaysWhetherTheInvocationFailed(t *testing.T) {
	for _, c := range []struct {
		results         string
		all, any, never bool
	}{
		{"", false, false, false},
		{"a b", false, false, false},
		{"a! b", false, true, false},
		{"a! b!", true, true, false},
		{"a! b?", false, true, false},
		{"a?", false, false, false},
	} {
		assert.Equal(t, c.all, Error(resultsOf(c.results), All) != nil, c.results)
		assert.Equal(t, c.any, Error(resultsOf(c.results), Any) != nil, c.results)
		assert.Equal(t, c.never, Error(resultsOf(c.results), Never) != nil, c.results)
	}
}

// SPEC S7: the records' errors in batch order, each with its record's name.
func TestABatchErrorHoldsTheRecordsErrors(t *testing.T) {
	results := resultsOf("a b! a! c b!")
	err := Error(results, Any)
	assert.EqualError(t, err, `troupe: 3 of 5 records failed; the first: record "b": failed b`)
	var batch *batch.BatchError
	require.ErrorAs(t, err, &batch)
	var got []string
	for i, inner := range batch.Unwrap() {
		got = append(got, inner.Error())
		assert.ErrorIs(t, inner, results[[]int{1, 2, 4}[i]].Err)
	}
	assert.Equal(t, []string{`record "b": failed b`, `record "a": failed a`, `record "b": failed b`}, got)
}

// SPEC S7: the text is bounded, however long an identifier or a cause.
func TestTheTextOfABatchErrorIsBounded(t *testing.T) {
	long := strings.Repeat("i", 1<<20)
	assert.Less(t, len(Error([]batch.Result{{ID: long, Err: errors.New("x")}}, All).Error()), 600)
	assert.Less(t, len(Error([]batch.Result{{ID: "1", Err: errors.New(long)}}, All).Error()), 600)
}
