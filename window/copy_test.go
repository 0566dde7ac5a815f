package window

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe"
)

type (
	cents  int64
	tally  map[string]int
	totals struct {
		Count int     `json:"count"`
		Sum   float64 `json:"sum,omitempty"`
		Name  string
		cents cents
	}
	nested struct {
		totals
		PerUser  map[string]int     `json:"per_user"`
		PerHour  map[int64][]string `json:"per_hour,omitempty"`
		PerShop  map[string]totals
		Named    map[cents]cents
		Means    map[string]float64
		Recent   []totals
		Matrix   [2][]float32
		Seen     map[string]bool
		Labels   map[string]string
		Bytes    []byte
		Unsigned map[uint8]uint64
		Booleans []bool
		inside   [2]cents
	}
)

// scramble changes whatever a value shares with its copies by assignment.
func scramble(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			scramble(v.Field(i))
		}
	case reflect.Array, reflect.Slice:
		for i := range v.Len() {
			scramble(v.Index(i))
			if v.Index(i).CanSet() {
				v.Index(i).SetZero()
			}
		}
	case reflect.Map:
		if !v.CanInterface() {
			return
		}
		for _, key := range v.MapKeys() {
			scramble(v.MapIndex(key))
			v.SetMapIndex(key, reflect.Value{})
		}
	}
}

// checkCopies checks that copies of states are the same and share nothing, and that no state's JSON is longer than its
// size says.
func checkCopies[S any](t *testing.T) {
	t.Run(reflect.TypeFor[S]().String(), func(t *testing.T) {
		k := keeperOf[S]()
		require.NotNil(t, k.copier)
		rapid.Check(t, func(t *rapid.T) {
			state := rapid.Make[S]().Draw(t, "state")
			size := k.copier.size(reflect.ValueOf(&state).Elem())
			text, err := json.Marshal(state)
			if err != nil {
				require.Equal(t, unbounded, size, "%v", err)
				return
			}
			require.GreaterOrEqual(t, size, len(text))
			same := k.copied(&state)
			require.Equal(t, state, *same)
			scramble(reflect.ValueOf(&state).Elem())
			again, err := json.Marshal(*same)
			require.NoError(t, err)
			require.Equal(t, string(text), string(again))
		})
	})
}

func TestCopiesOfStates(t *testing.T) {
	checkCopies[tally](t)
	checkCopies[map[string]int64](t)
	checkCopies[map[string]float64](t)
	checkCopies[map[string]bool](t)
	checkCopies[map[string]string](t)
	checkCopies[map[int]int](t)
	checkCopies[map[int64]int64](t)
	checkCopies[map[int64]float64](t)
	checkCopies[map[string]totals](t)
	checkCopies[map[cents][]map[string]int](t)
	checkCopies[map[int8]uint16](t)
	checkCopies[[]string](t)
	checkCopies[totals](t)
	checkCopies[[3]map[string]int](t)
	checkCopies[nested](t)
}

// The worst cases of each kind, which random values do not meet.
func TestTheSizeOfAStateIsNeverTooSmall(t *testing.T) {
	for _, state := range []any{
		map[string]int{strings.Repeat("\x00", 100): math.MinInt, "<&>\xff\u2028": math.MaxInt}, map[string]int(nil), map[string]int{},
		map[string]float64{"": -math.SmallestNonzeroFloat64, "a": -math.MaxFloat64, "b": -1.2345678901234567e-308}, map[string]string{"\x01": "\x02\xff\xfe"},
		map[int64]int64{math.MinInt64: math.MinInt64}, map[int64]float64{math.MinInt64: -1.2345678901234567e-300}, map[int]int{math.MinInt: math.MinInt},
		map[string]bool{"\x1f": false}, []float64{-1.2345678901234567e-308}, []int64{math.MinInt64}, []uint64(nil), []bool{false, false}, []byte("\xff\xff\xff\xff"),
		[]float32{-math.SmallestNonzeroFloat32, -math.MaxFloat32}, nested{totals: totals{cents: 1}, inside: [2]cents{1}}, map[cents]cents{math.MinInt64: math.MinInt64}, map[string]totals{"\x00": {Count: math.MinInt, Sum: -1.2345678901234567e-308, Name: "\x00"}},
	} {
		c, ok := copierOf(reflect.TypeOf(state))
		require.True(t, ok, "%T", state)
		text, err := json.Marshal(state)
		require.NoError(t, err)
		assert.GreaterOrEqual(t, c.size(reflect.ValueOf(state)), len(text), "%s", text)
	}
	for _, state := range []any{math.NaN(), float32(math.Inf(1)), map[string]float64{"a": math.Inf(-1)}, map[int64]float64{1: math.NaN()}, []float64{1, math.NaN()}, struct{ F float64 }{math.NaN()}, map[string]totals{"a": {Sum: math.Inf(1)}}} {
		c, ok := copierOf(reflect.TypeOf(state))
		require.True(t, ok)
		assert.Equal(t, unbounded, c.size(reflect.ValueOf(state)), "%v has no JSON", state)
	}
}

type (
	marshaler   struct{ M map[string]int }
	textKey     int
	recursive   struct{ Inside []recursive }
	textElement struct{ S map[string]textKey }
)

func (marshaler) MarshalJSON() ([]byte, error) { return []byte("1"), nil }
func (textKey) MarshalText() ([]byte, error)   { return []byte(strings.Repeat("long", 1000)), nil }

// What has a JSON of its own, or is not copied by its parts, is encoded after each record, as ever.
func TestWhatHasNoCopierIsEncoded(t *testing.T) {
	for _, state := range []any{
		marshaler{}, map[textKey]int{}, textElement{}, recursive{}, new(int), map[string]any{}, []any{}, func() {}, make(chan int), time.Time{}, map[string]*int{}, map[float64]int{}, map[bool]int{},
		map[[2]int]int{}, struct {
			A int `json:",string"`
			M map[string]int
		}{}, struct{ hidden map[string]int }{hidden: nil}, map[string]time.Time{}, []error{}, complex(1, 1), map[string]complex64{},
	} {
		_, ok := copierOf(reflect.TypeOf(state))
		assert.False(t, ok, "%T", state)
	}
	assert.Nil(t, keeperOf[struct{ A, B int }]().copier, "no fold can change it")
}

// batchOf is an event of a window with records that have these data.
func batchOf(state string, data ...string) []byte {
	records := make([]string, len(data))
	for i, text := range data {
		records[i] = fmt.Sprintf(`{"kinesis":{"partitionKey":"k","sequenceNumber":"%d","data":%q},"eventSource":"aws:kinesis"}`, i+1, base64.StdEncoding.EncodeToString([]byte(text)))
	}
	return []byte(`{"Records":[` + strings.Join(records, ",") + `],"state":` + state + `,"window":{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:02:00Z"},"shardId":"shard-6"}`)
}

// A fold may change a map in place, keep it and change it later: another attempt is given the map as it was, and so is
// Lambda.
func TestAMapIsAsItWasForAnotherAttemptAndForLambda(t *testing.T) {
	quiet := troupe.WithLogger(slog.New(slog.DiscardHandler))
	attempts := 0
	p := Kinesis(func(_ context.Context, s tally, rec events.KinesisEventRecord) (tally, error) {
		s[string(rec.Kinesis.Data)]++
		if string(rec.Kinesis.Data) == "fail" {
			attempts++
			assert.Equal(t, tally{"a": 2, "b": 1, "fail": 1}, s, "attempt %d", attempts)
			s["spoiled"] = 1
			return s, errors.New("fold failed")
		}
		return s, nil
	}, nil, quiet, troupe.WithRetry(troupe.Retry{Times: 2}))
	answer, err := p.Invoke(t.Context(), batchOf(`{"a":1}`, "a", "b", "fail", "c"))
	require.NoError(t, err)
	assert.Equal(t, 3, attempts)
	assert.JSONEq(t, `{"state":{"a":2,"b":1},"batchItemFailures":[{"itemIdentifier":"3"},{"itemIdentifier":"4"}]}`, string(answer))

	var last tally
	p = Kinesis(func(_ context.Context, s tally, rec events.KinesisEventRecord) (tally, error) {
		if string(rec.Kinesis.Data) == "fail" {
			last["late"] = 99
			return nil, errors.New("fold failed")
		}
		s[string(rec.Kinesis.Data)]++
		last = s
		return s, nil
	}, nil, quiet)
	answer, err = p.Invoke(t.Context(), batchOf(`{}`, "a", "fail"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"state":{"a":1},"batchItemFailures":[{"itemIdentifier":"2"}]}`, string(answer))
}

// MaxState is exact, whatever the bound of the size says, and a number without JSON fails its record.
func TestTheLimitOfAMapIsExact(t *testing.T) {
	quiet := troupe.WithLogger(slog.New(slog.DiscardHandler))
	fits := strings.Repeat("x", MaxState-len(`{"":1}`))
	for _, c := range []struct {
		key    string
		failed string
	}{{fits, `[]`}, {fits + "x", `[{"itemIdentifier":"2"}]`}} {
		p := Kinesis(func(_ context.Context, s tally, rec events.KinesisEventRecord) (tally, error) {
			if string(rec.Kinesis.Data) == "large" {
				return tally{c.key: 1}, nil
			}
			return s, nil
		}, nil, quiet)
		answer, err := p.Invoke(t.Context(), batchOf(`{}`, "a", "large"))
		require.NoError(t, err)
		var response struct{ BatchItemFailures json.RawMessage }
		require.NoError(t, json.Unmarshal(answer, &response))
		assert.JSONEq(t, c.failed, string(response.BatchItemFailures))
	}
	p := Kinesis(func(_ context.Context, s map[string]float64, rec events.KinesisEventRecord) (map[string]float64, error) {
		return map[string]float64{"mean": math.NaN()}, nil
	}, nil, quiet, troupe.WithErrorWhen(troupe.ErrorWhenNever))
	answer, err := p.Invoke(t.Context(), batchOf(`{"mean":1}`, "a"))
	require.NoError(t, err)
	assert.JSONEq(t, `{"state":{"mean":1},"batchItemFailures":[{"itemIdentifier":"1"}]}`, string(answer))
}

// A record costs one copy of its state in memory, such as of a map of 1,000 entries, and not its JSON.
func TestARecordCostsOneCopyOfAMap(t *testing.T) {
	state := tally{}
	for i := range 1000 {
		state[fmt.Sprintf("device-%d", i)] = i
	}
	text, err := json.Marshal(state)
	require.NoError(t, err)
	data := make([]string, 500)
	event := batchOf(string(text), data...)
	p := Kinesis(func(_ context.Context, s tally, rec events.KinesisEventRecord) (tally, error) {
		s["device-1"]++
		return s, nil
	}, nil)
	k := keeperOf[tally]()
	one := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			k.copied(&state)
		}
	})
	all := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := p.Invoke(b.Context(), event); err != nil {
				b.Fatal(err)
			}
		}
	})
	records := int64(len(data))
	t.Logf("%d bytes and %d objects a record; a copy has %d and %d", all.AllocedBytesPerOp()/records, all.AllocsPerOp()/records, one.AllocedBytesPerOp(), one.AllocsPerOp())
	assert.Less(t, all.AllocedBytesPerOp()/records, one.AllocedBytesPerOp()+4096)
	assert.Less(t, all.AllocsPerOp()/records, one.AllocsPerOp()+20)
}
