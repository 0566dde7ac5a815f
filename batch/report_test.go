package batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func aReport() Report {
	return Report{
		Source: Kinesis,
		Records: []Result{
			{ID: "m1", Group: "ann", Outcome: Succeeded, Attempts: 2, Queued: 3 * time.Microsecond, Duration: 2 * time.Millisecond},
			{ID: "m2", Attempts: 1, Duration: 1499 * time.Nanosecond, Err: errors.New("card declined")},
			{ID: "m3", Group: "ann", Queued: time.Second, Err: Because(ErrNotStarted, ErrGroupStopped)},
			{ID: "m4", Outcome: Dropped, Attempts: 1, Err: Drop(&DecodeError{Field: "data", Offset: -1})},
		},
		DeadLettered: 1,
		Succeeded:    1, Failed: 2, Dropped: 1, NotStarted: 1, Retried: 1, Abandoned: 2, Running: 3, Duration: 1234567 * time.Microsecond,
	}
}

// The names in the document do not change: whoever reads it goes by them.
func TestAReportIsAnObjectOfStableNames(t *testing.T) {
	out, err := json.Marshal(aReport())
	require.NoError(t, err)
	assert.Equal(t, `{"source":"kinesis","records":[`+
		`{"id":"m1","group_hash":"`+GroupHash("ann")+`","outcome":"succeeded","attempts":2,"queued_ms":0.003,"duration_ms":2},`+
		`{"id":"m2","outcome":"failed","reasons":["error"],"error":"card declined","attempts":1,"queued_ms":0,"duration_ms":0.001},`+
		`{"id":"m3","group_hash":"`+GroupHash("ann")+`","outcome":"failed","reasons":["not_started","group_stopped"],"error":"troupe: not started: the record's group was stopped by an earlier failure","attempts":0,"queued_ms":1000,"duration_ms":0},`+
		`{"id":"m4","outcome":"dropped","reasons":["undecodable"],"error":"troupe: record cannot be decoded: data","attempts":1,"queued_ms":0,"duration_ms":0}`+
		`],"succeeded":1,"failed":2,"dropped":1,"dead_lettered":1,"not_started":1,"retried":1,"abandoned":2,"running":3,"duration_ms":1234.567}`, string(out))

	pointed, err := json.Marshal(new(aReport()))
	require.NoError(t, err)
	assert.Equal(t, string(out), string(pointed))
}

// SPEC S3's lesson holds here too: nothing is an empty array, not null.
func TestAReportWithoutRecordsHasAnEmptyArray(t *testing.T) {
	out, err := json.Marshal(&Report{Source: SQS})
	require.NoError(t, err)
	assert.Equal(t, `{"source":"sqs","records":[],"succeeded":0,"failed":0,"dropped":0,"not_started":0,"retried":0,"abandoned":0,"running":0,"duration_ms":0}`, string(out))
	assert.Equal(t, "sqs: 0 records in 0s: 0 succeeded, 0 failed", (&Report{Source: SQS}).String())
}

func TestDurationsHaveThreeDecimals(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0", time.Nanosecond: "0", 600 * time.Nanosecond: "0.001", 1234567 * time.Nanosecond: "1.235",
		100*time.Hour + time.Microsecond: "360000000.001", -time.Millisecond: "-1",
	} {
		out, err := json.Marshal(milliseconds(d))
		require.NoError(t, err)
		assert.Equal(t, want, string(out), d.String())
	}
}

// brokenError is an error all of whose methods panic.
type brokenError struct{}

func (brokenError) Error() string   { panic("Error panics") }
func (brokenError) Is(error) bool   { panic("Is panics") }
func (brokenError) Unwrap() []error { panic("Unwrap panics") }

// SPEC S9 and 2: whatever a handler's error does or says, a report can be written, in bounded text.
func TestAReportCanBeWrittenWhateverTheErrors(t *testing.T) {
	for name, err := range map[string]error{
		"panics":        brokenError{},
		"a nil pointer": (*PanicError)(nil),
		"wraps one":     fmt.Errorf("outer: %w", brokenError{}),
		"long":          errors.New(strings.Repeat("é", 100_000)),
		"not UTF-8":     errors.New(strings.Repeat("\xff", 1000)),
		"several lines": errors.New("a\nb"),
	} {
		t.Run(name, func(t *testing.T) {
			out, failed := json.Marshal(Result{ID: "m", Err: err})
			require.NoError(t, failed)
			assert.Less(t, len(out), 2500)
			assert.NotContains(t, string(out), "\n")
			var got struct {
				Error   string
				Reasons []string
			}
			require.NoError(t, json.Unmarshal(out, &got))
			assert.NotEmpty(t, got.Error)
			assert.True(t, utf8.ValidString(got.Error))
			assert.NotEmpty(t, got.Reasons)
		})
	}
}

// SPEC S9: groups may be item keys.
func TestAReportTellsGroupsAsAHashAlone(t *testing.T) {
	r := aReport()
	for i := range r.Records {
		r.Records[i].Group = "s3cr3t"
	}
	out, err := json.Marshal(r)
	require.NoError(t, err)
	assert.NotContains(t, string(out)+r.String(), "s3cr3t")
	assert.NotEqual(t, GroupHash("a"), GroupHash("b"))
	assert.Empty(t, GroupHash(""))
}

func TestAReportIsALine(t *testing.T) {
	long := Report{Source: SQS, Records: make([]Result, 10_000), Failed: 10_000, Duration: 1234567 * time.Nanosecond}
	for i := range long.Records {
		long.Records[i].ID = strings.Repeat("é", 1000)
	}
	odd := Report{Source: "kafka", Failed: 4, Records: []Result{
		{ID: `{"partition":"t-0","offset":1}`}, {ID: "a\nb"}, {ID: ""}, {ID: "a b"},
	}}
	for _, c := range []struct {
		name string
		r    Report
		want string
	}{
		{"all totals", aReport(), "kinesis: 4 records in 1.234567s: 1 succeeded, 2 failed, 1 dropped, 1 dead-lettered, 1 not started, 1 retried, 2 abandoned, 3 still running; failed: m2, m3"},
		{"a success", Report{Source: SQS, Records: []Result{{ID: "m1", Outcome: Succeeded}}, Succeeded: 1, Duration: time.Millisecond}, "sqs: 1 record in 1ms: 1 succeeded, 0 failed"},
		{"odd identifiers", odd, `kafka: 4 records in 0s: 0 succeeded, 4 failed; failed: {"partition":"t-0","offset":1}, "a\nb", "", "a b"`},
		{"many failures", long, "sqs: 10000 records in 1.235ms: 0 succeeded, 10000 failed; failed: " + strings.Repeat(strings.Repeat("é", 64)+"…, ", 10) + "…"},
	} {
		t.Run(c.name, func(t *testing.T) {
			assert.Equal(t, c.want, c.r.String())
			assert.Equal(t, c.want, fmt.Sprint(&c.r), "a pointer too")
		})
	}
}

func TestAnOutcomeIsAWord(t *testing.T) {
	out, err := json.Marshal(map[Outcome]Outcome{Failed: Failed, Succeeded: Succeeded, Dropped: Dropped})
	require.NoError(t, err)
	assert.JSONEq(t, `{"failed":"failed","succeeded":"succeeded","dropped":"dropped"}`, string(out))
}

// Every reason has a word of its own, and the list of them misses none.
func TestEveryReasonHasAWordOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for r := ErrEvent; int(r) < len(reasonTexts); r++ {
		assert.NotEmpty(t, r.Word(), r.Error())
		assert.False(t, seen[r.Word()], r.Word())
		seen[r.Word()] = true
		assert.Contains(t, Words(r), r.Word())
	}
	assert.Len(t, seen, len(telling))
	assert.Empty(t, Reason(0).Word())
	assert.Empty(t, Reason(200).Word())
}

func TestTheMoreTellingReasonComesFirst(t *testing.T) {
	for _, c := range []struct {
		err  error
		want []string
	}{
		{nil, nil},
		{errors.New("x"), []string{"error"}},
		{&PanicError{Value: "x"}, []string{"panic"}},
		{fmt.Errorf("outer: %w", ErrGoexit), []string{"goexit"}},
		{Because(ErrRecordTimeout, ErrAbandoned), []string{"abandoned", "record_timeout"}},
		{Because(ErrDeadline, errors.New("x")), []string{"deadline"}},
		{Because(ErrNotStarted, ErrStopped), []string{"not_started", "stopped"}},
	} {
		assert.Equal(t, c.want, Words(c.err), "%v", c.err)
	}
}
