package fuzz

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash/fnv"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/kpl"
	"github.com/troupe-go/troupe/window"
)

// The packages that read an event in a way of their own: each is held to what encoding/json finds in the
// document, as the sources are.

func FuzzInvokeWindow(f *testing.F) { fuzzPackage(f, windows(), checkWindow) }

func FuzzInvokeAggregates(f *testing.F) { fuzzPackage(f, aggregates(), checkAggregates) }

func FuzzInvokeBulk(f *testing.F) { fuzzPackage(f, kinesis(), checkBulk) }

func FuzzInvokeThen(f *testing.F) { fuzzPackage(f, kinesis(), checkThen) }

// A fuzz target whose seeds are all refused would look at nothing.
func TestSeedsOfPackagesAreAnsweredAndRefused(t *testing.T) {
	for name, target := range map[string]struct {
		source source
		check  func(*testing.T, []byte, byte) ([]string, error)
	}{
		"windows": {windows(), checkWindow}, "aggregates": {aggregates(), checkAggregates}, "bulk": {kinesis(), checkBulk},
		"bulk, then": {kinesis(), checkThen},
	} {
		t.Run(name, func(t *testing.T) {
			answered, refused, reported := 0, 0, 0
			for i, document := range target.source.seeds(t) {
				ids, err := target.check(t, []byte(document), byte(i))
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

func fuzzPackage(f *testing.F, s source, check func(*testing.T, []byte, byte) ([]string, error)) {
	for i, document := range s.seeds(f) {
		f.Add([]byte(document), byte(i))
	}
	f.Fuzz(func(t *testing.T, payload []byte, choice byte) { _, _ = check(t, payload, choice) })
}

// invoke invokes a processor with a payload that is used again afterwards (SPEC D3).
func invoke(t *testing.T, p lambda.Handler, payload []byte) ([]byte, error) {
	given := slices.Clone(payload)
	response, err := p.Invoke(t.Context(), given)
	for i := range given {
		given[i] = 'x'
	}
	if err != nil {
		require.ErrorIs(t, err, troupe.ErrEvent)
		require.Nil(t, response)
	}
	return response, err
}

// fails decides by an identifier.
func fails(id string) bool {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(id))
	return sum.Sum32()>>7%4 == 0
}

// fail is one of the ways to fail.
func fail(choice byte) error {
	switch choice / 16 % 3 {
	case 0:
		panic("by its hash")
	case 1:
		runtime.Goexit()
	}
	return errors.New("by its hash")
}

// within reports whether ids are some of the records' identifiers, in batch order, each once.
func within(ids []string, records []record) bool {
	for _, r := range records {
		if len(ids) > 0 && ids[0] == r.id {
			ids = ids[1:]
		}
	}
	return len(ids) == 0
}

func unique(records []record) bool {
	seen := map[string]bool{}
	for _, r := range records {
		if seen[r.id] {
			return false
		}
		seen[r.id] = true
	}
	return true
}

func windows() source {
	s := kinesis()
	const about = `"window":{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:01:00Z"},"state":{"a":1},"shardId":"s","eventSourceARN":"arn","isFinalInvokeForWindow":false,"isWindowTerminatedEarly":false`
	s.small = strings.TrimSuffix(s.small, "}") + "," + about + "}"
	s.fields = map[string]string{
		"window": `{"start":"2026-01-02T00:00:00Z"}`, "state": `{"b":2}`, "isFinalInvokeForWindow": `true`,
		"sequenceNumber": `"7"`, "data": `"AA=="`,
	}
	allSucceed := strings.Replace(s.small, `"3"`, `"5"`, 1)
	s.also = []string{
		allSucceed, strings.Replace(allSucceed, `"isFinalInvokeForWindow":false`, `"isFinalInvokeForWindow":true`, 1),
		strings.Replace(s.small, `"isFinalInvokeForWindow":false`, `"isFinalInvokeForWindow":true`, 1),
		`{"Records":[],` + about + `}`, `{` + about + `,"Records":null}`, `{"Records":[],"window":{"start":"2026-01-01T00:00:00Z"},"isFinalInvokeForWindow":true}`,
		strings.Replace(s.small, `{"a":1}`, `null`, 1), strings.Replace(s.small, `{"a":1}`, `[1]`, 1), strings.Replace(s.small, `{"a":1}`, `{"a":1e9,"a":3}`, 1),
		strings.Replace(s.small, `"start"`, `"START"`, 1), strings.Replace(s.small, `"2026-01-01T00:00:00Z"`, `"yesterday"`, 1),
	}
	s.alone = true
	return s
}

// checkWindow holds an answer to SPEC 9: the records before the first that fails are in the state, once, and
// the rest is reported; the end is reported when nothing is.
func checkWindow(t *testing.T, payload []byte, choice byte) (reported []string, err error) {
	var mu sync.Mutex
	var folded []string
	ends := 0
	fold := func(_ context.Context, state map[string]int64, r events.KinesisEventRecord) (map[string]int64, error) {
		id := r.Kinesis.SequenceNumber
		state[id]++
		if fails(id) {
			return state, fail(choice)
		}
		mu.Lock()
		defer mu.Unlock()
		folded = append(folded, id)
		return state, nil
	}
	final := func(context.Context, map[string]int64) error { ends++; return nil }
	response, err := invoke(t, window.Kinesis(fold, final, troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler))), payload)
	if err != nil {
		require.Empty(t, folded)
		require.Zero(t, ends)
		return nil, err
	}

	var event struct {
		State json.RawMessage `json:"state"`
		Final bool            `json:"isFinalInvokeForWindow"`
	}
	require.NoError(t, json.Unmarshal(payload, &event))
	state := map[string]int64{}
	if len(event.State) > 0 && string(event.State) != "null" {
		require.NoError(t, json.Unmarshal(event.State, &state))
	}
	records := windows().read(payload)
	want := []string{}
	var covered []string
	for _, r := range records {
		switch {
		case len(want) > 0 || !r.sound || fails(r.id):
			if !slices.Contains(want, r.id) {
				want = append(want, r.id)
			}
		default:
			covered = append(covered, r.id)
			state[r.id]++
		}
	}
	var form struct {
		State             map[string]int64 `json:"state"`
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	require.NoError(t, decode(response, &form), "%s", response)
	reported = []string{}
	for _, failure := range form.BatchItemFailures {
		reported = append(reported, failure.ItemIdentifier)
	}
	require.Equal(t, want, reported, "S3")
	require.Equal(t, covered, folded, "each record once, in order")
	if ended := event.Final && len(want) == 0; ended {
		require.Equal(t, 1, ends)
		state = map[string]int64{}
	} else {
		require.Zero(t, ends)
	}
	require.NotNil(t, form.State, "%s", response)
	if unique(records) { // a shard has each number once
		require.Equal(t, state, form.State)
	}
	return reported, nil
}

func sealed(message string) string {
	sum := md5.Sum([]byte(message))
	return "\xf3\x89\x9a\xc2" + message + string(sum[:])
}

func aggregates() source {
	s := kinesis()
	field := func(number byte, of string) string { return string([]byte{number<<3 | 2, byte(len(of))}) + of }
	user := func(data string) string { return field(3, "\x08\x00"+field(3, data)) }
	two, none := sealed(field(1, "k")+user("a")+user("b")), sealed(field(1, "k"))
	data := func(text string) string { return `"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"` }
	s.fields["data"] = data(two)
	s.small = strings.Replace(s.small, `"data":""`, `"data":`+data(two), 1)
	s.also = []string{
		strings.Replace(s.small, `"AA=="`, data(none), 1), strings.Replace(s.small, `"AA=="`, data(two[:len(two)-1]+"x"), 1),
		strings.Replace(s.small, `"AA=="`, data(two), 1), strings.Replace(s.small, data(two), data(two[:len(two)/2]), 1),
	}
	return s
}

// checkAggregates holds an answer to SPEC S2 and S3: an identifier that is not reported has had user records,
// all of which succeeded; one that is has failed, or there was a reason not to start it.
func checkAggregates(t *testing.T, payload []byte, choice byte) (reported []string, err error) {
	var mu sync.Mutex
	calls, failed, again := map[string]int{}, map[string]bool{}, map[string]bool{}
	handler := func(ctx context.Context, r kpl.UserRecord) error {
		rec, _ := troupe.RecordFrom(ctx)
		mu.Lock()
		calls[r.Kinesis.SequenceNumber]++
		again[r.Kinesis.SequenceNumber] = again[r.Kinesis.SequenceNumber] || rec.ID != r.Kinesis.SequenceNumber
		failed[r.Kinesis.SequenceNumber] = failed[r.Kinesis.SequenceNumber] || fails(r.ID())
		mu.Unlock()
		if fails(r.ID()) {
			return fail(choice)
		}
		return nil
	}
	options := []troupe.Option{troupe.WithPolicy(troupe.Continue), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler))}
	unordered := choice%2 == 1
	if unordered {
		options = append(options, troupe.WithoutOrder())
	}
	response, err := invoke(t, kpl.Kinesis(handler, options...), payload)
	if err != nil {
		require.Empty(t, calls)
		return nil, err
	}
	reported, err = readTexts(response)
	require.NoError(t, err)
	records := aggregatesIn(payload)
	require.True(t, within(reported, records), "S3: %q", reported)
	times := map[string]int{}
	excused := map[string]bool{}
	held := false // by a record before, whose keys are not known
	for _, r := range records {
		times[r.id]++
		held = held || !unordered && !r.sound
		excused[r.id] = excused[r.id] || held || !r.sound
	}
	for id, n := range times {
		require.False(t, again[id], "record %q was handled in the context of another", id)
		if slices.Contains(reported, id) {
			require.True(t, failed[id] || excused[id], "%q was reported for nothing", id)
		} else {
			require.GreaterOrEqual(t, calls[id], n, "S2: %q", id)
			require.False(t, failed[id], "S2: %q", id)
		}
	}
	for id := range calls {
		require.NotZero(t, times[id], "%q was invented", id)
	}
	return reported, nil
}

// aggregatesIn reads the records of a document. Whether one that begins as aggregates do is sound, is not for
// this test to say: FuzzUnpack in package kpl asks the protobuf library.
func aggregatesIn(payload []byte) []record {
	return readList(func(raw []byte) record {
		r := kinesis().read([]byte(`{"Records":[` + string(raw) + `]}`))[0]
		var whole events.KinesisEventRecord
		if r.sound {
			_ = json.Unmarshal(raw, &whole)
			r.sound = !strings.HasPrefix(string(whole.Kinesis.Data), "\xf3\x89\x9a\xc2")
		}
		return r
	})(payload)
}

// checkBulk holds an answer to the documentation of package bulk: all that can be decoded is handed over at once, and what the
// handler names is reported, with what the policy says is behind it. There is no order, so that no record has
// a group that could be what cannot be read.
func checkBulk(t *testing.T, payload []byte, choice byte) (reported []string, err error) {
	given := [][]string{}
	all := choice/4%4 == 1 // fails as a whole
	handler := func(_ context.Context, batch []events.KinesisEventRecord) error {
		ids := []string{}
		failures := bulk.Failures{}
		for i, r := range batch {
			ids = append(ids, r.Kinesis.SequenceNumber)
			if fails(r.Kinesis.SequenceNumber) {
				failures[i] = errors.New("by its hash")
			}
		}
		given = append(given, ids)
		if all {
			return fail(choice)
		}
		return failures
	}
	policy := []troupe.Policy{troupe.Continue, troupe.StopBatch}[choice%2]
	response, err := invoke(t, bulk.Kinesis(handler, troupe.WithPolicy(policy), troupe.WithoutOrder(), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler))), payload)
	if err != nil {
		require.Empty(t, given)
		return nil, err
	}
	stopped := false
	handed, want := [][]string{}, []string{}
	var ids []string
	for _, r := range kinesis().read(payload) {
		if r.sound && !stopped {
			ids = append(ids, r.id)
		}
		stopped = stopped || policy == troupe.StopBatch && !r.sound
	}
	if len(ids) > 0 {
		handed = append(handed, ids)
	}
	stopped = false
	for _, r := range kinesis().read(payload) {
		bad := stopped || !r.sound || all || fails(r.id)
		if bad && !slices.Contains(want, r.id) {
			want = append(want, r.id)
		}
		stopped = stopped || bad && policy == troupe.StopBatch
	}
	reported, err = readTexts(response)
	require.NoError(t, err)
	require.Equal(t, handed, given)
	require.Equal(t, want, reported)
	return reported, nil
}

// checkThen holds an answer to R2: the values of the records that a handler succeeded at are written once, in batch order, and
// what a handler failed at, what cannot be decoded and what the write refuses is reported.
func checkThen(t *testing.T, payload []byte, choice byte) (reported []string, err error) {
	given := [][]string{}
	all := choice/4%4 == 1 // the write fails as a whole
	refuses := func(id string) bool { return fails("write " + id) }
	handler := troupe.Returning(func(_ context.Context, r events.KinesisEventRecord) (string, error) {
		if fails(r.Kinesis.SequenceNumber) {
			return "", fail(choice)
		}
		return r.Kinesis.SequenceNumber, nil
	})
	write := func(_ context.Context, ids []string) error {
		given = append(given, slices.Clone(ids))
		failures := bulk.Failures{}
		for i, id := range ids {
			ids[i] = "" // the slice is the write's
			if refuses(id) {
				failures[i] = errors.New("by its hash")
			}
		}
		if all {
			return fail(choice)
		}
		return failures
	}
	response, err := invoke(t, bulk.KinesisThen(handler, write, troupe.WithoutOrder(), troupe.WithErrorWhen(troupe.ErrorWhenNever), troupe.WithLogger(slog.New(slog.DiscardHandler))), payload)
	if err != nil {
		require.Empty(t, given)
		return nil, err
	}
	written, want := []string{}, []string{}
	for _, r := range kinesis().read(payload) {
		enriched := r.sound && !fails(r.id)
		if enriched {
			written = append(written, r.id)
		}
		if (!enriched || all || refuses(r.id)) && !slices.Contains(want, r.id) {
			want = append(want, r.id)
		}
	}
	if len(written) > 0 {
		require.Equal(t, [][]string{written}, given)
	} else {
		require.Empty(t, given)
	}
	reported, err = readTexts(response)
	require.NoError(t, err)
	require.Equal(t, want, reported)
	return reported, nil
}
