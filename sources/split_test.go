package sources

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/jsonscan"
)

// sameBySeveral fails the test unless several indexers make of an event what one makes of it, however small their
// shares are.
func (s *Source[E, T]) sameBySeveral(t *testing.T, payload []byte) (parts int) {
	t.Helper()
	form := s.formOf(payload)
	want, wrong := splitBy(1, 1, payload, &form.layout, s.admission(form))
	for most, size := range map[int]int{2: 1, 3: 700, 5: 7} {
		got, err := splitBy(most, size, payload, &form.layout, s.admission(form))
		if wrong != nil {
			require.EqualError(t, err, wrong.Error())
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want.ids(), got.ids())
		require.Equal(t, want.fifo(), got.fifo())
		for i := range want.len() {
			if a, b := placeless(want.record(i)), placeless(got.record(i)); !reflect.DeepEqual(a, b) {
				t.Fatalf("record %d differs:\none     %#v\nseveral %#v", i, a, b)
			}
		}
		parts = max(parts, len(got.parts))
	}
	return parts
}

// placeless leaves out where the record's text is.
func placeless(f fields) fields {
	shape := *f.shape
	shape.piece, shape.start, shape.middle, shape.end, shape.from, shape.to = 0, 0, 0, 0, 0, 0
	f.shape = &shape
	if len(f.pairs) == 0 {
		f.pairs = nil
	}
	return f
}

func admitSQS() admission {
	s := SQS()
	return s.admission(&s.mapping)
}

// recordsOf is an event of so many records.
func recordsOf(n int, record func(i int) string) []byte {
	records := make([]string, n)
	for i := range records {
		records[i] = record(i)
	}
	return []byte(`{"Records":[` + strings.Join(records, ",") + `]}`)
}

// piped is the array in an event of recordsOf.
func piped(event []byte) []byte {
	return event[len(`{"Records":`) : len(event)-1]
}

func sqsRecord(i int) string {
	return fmt.Sprintf(`{"messageId":"m%d","body":"{\"a\":[{},{\"messageId\":%d}]}","attributes":{"SenderId":"%[1]d"},"eventSource":"aws:sqs"}`, i, i)
}

// The records of a large event are scanned by several indexers at once. What they find is what one finds: every
// record, in batch order (SPEC S6, D6).
func TestSeveralIndexersFindWhatOneFinds(t *testing.T) {
	event := recordsOf(100, sqsRecord)
	assert.Equal(t, 100, SQS().sameBySeveral(t, event), "a share has one record at least")
	assert.Equal(t, 100, SQS().sameBySeveral(t, piped(event)), "the bare array of a pipe too")
	SQS().sameBySeveral(t, recordsOf(2, sqsRecord))
	SQS().sameBySeveral(t, recordsOf(3, func(i int) string { return strings.Repeat(" ", i) + sqsRecord(i) + "\n" }))
	for _, name := range []string{"sqs.json", "sqs-fifo.json"} {
		SQS().sameBySeveral(t, document(t, name))
	}
	Kinesis().sameBySeveral(t, document(t, "kinesis.json"))
	DynamoDB().sameBySeveral(t, document(t, "dynamodb.json"))
	SQS().sameBySeveral(t, recordsOf(40, func(i int) string {
		arn := "arn:aws:sqs:eu-west-1:123456789012:q"
		if i == 33 {
			arn += ".fifo"
		}
		return fmt.Sprintf(`{"messageId":"m%d","eventSourceARN":%q}`, i, arn)
	}))
}

// Where the records of a share begin is a guess. In what AWS sends it is never wrong, whatever strangers write.
func TestNothingInARecordOfAWSLooksLikeASeam(t *testing.T) {
	const n = 30
	parts := SQS().sameBySeveral(t, recordsOf(n, func(i int) string {
		return fmt.Sprintf(`{"messageId":"m%d","body":"},{\"messageId\":\"x\"},{","eventSource":"aws:sqs"}`, i)
	}))
	assert.Equal(t, n, parts)
	parts = DynamoDB().sameBySeveral(t, recordsOf(n, func(i int) string {
		return fmt.Sprintf(`{"eventID":"e","eventSource":"aws:dynamodb","dynamodb":{"NewImage":{"a":{"L":[{"S":"},{"},{"M":{"eventID":{"S":"x"},"eventID ":{"N":"1"}}},{"M":{}}]}},"SequenceNumber":"%d"}}`, i)
	}))
	assert.Equal(t, n, parts)
}

// Elsewhere something may look like a seam. What an indexer makes of that does not count.
func TestWhatLooksLikeASeamIsNone(t *testing.T) {
	for name, inside := range map[string]string{
		"records in a record":      `[{"messageId":"x","eventSourceARN":"q.fifo"},{"messageId":"y"},{"messageId":"z"}]`,
		"records of another kind":  `[{"messageId":"x"},{"messageId":"y","eventSource":"aws:s3"},{"messageId":"z"}]`,
		"records without a name":   `[{"messageId":"x"},{"messageId":""},{"messageId":""}]`,
		"no records":               `[{"messageId":"x"},{"messageId":null},7,{"messageId":"z"}]`,
		"deep down":                strings.Repeat(`{"a":`, 50) + `[{"messageId":"x"},{"messageId":"y"}]` + strings.Repeat("}", 50),
		"deeper than Records can":  `[{"messageId":"x"},{"messageId":"y","a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}]`,
		"at the end of a record":   `{"a":[{},{"messageId":"x"}]}`,
		"unlike the seam, but for": `[{} ,{"messageId":"x"}, {"messageId":"y"},{"messageIdentifier":"z"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{1, 2, 3, 30} {
				SQS().sameBySeveral(t, recordsOf(n, func(i int) string {
					return fmt.Sprintf(`{"messageId":"m%d","eventSource":"aws:sqs","x":%s}`, i, inside)
				}))
				SQS().sameBySeveral(t, recordsOf(n, func(i int) string {
					if i%3 > 0 {
						return fmt.Sprintf(`{"messageId":"m%d"}`, i)
					}
					return fmt.Sprintf(`{"x":%s,"messageId":"m%d"}`, inside, i)
				}))
				records := recordsOf(n, sqsRecord)
				SQS().sameBySeveral(t, []byte(strings.TrimSuffix(string(records), "}")+`,"x":`+inside+"}"))
			}
		})
	}
}

// However many places look like seams, and however much is behind each, the work stays within some times that of one
// indexer.
func TestWrongGuessesAreGivenUp(t *testing.T) {
	const levels, size = 200, 1000
	open, shut := `[{},{"messageId":"x","y":"`+strings.Repeat("z", size)+`","x":`, `}]`
	event := recordsOf(2, func(i int) string {
		return fmt.Sprintf(`{"messageId":"m%d","x":%s1%s}`, i, strings.Repeat(open, levels), strings.Repeat(shut, levels))
	})
	s := SQS()
	for _, most := range []int{2, 5} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := splitBy(most, size, event, &s.mapping.layout, s.admission(&s.mapping))
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		assert.Less(t, int(after.TotalAlloc-before.TotalAlloc)/len(event), 2*(most+1), "times the event's size")
	}
}

// An event is divided if there are two shares of 128 KB in it and two processors to scan them.
func TestLargeEventsAreDivided(t *testing.T) {
	for _, c := range []struct {
		processors int
		records    int // of 1,000 bytes
		want       []int
	}{
		{2, 262, []int{262}},
		{2, 263, []int{132, 131}},
		{2, 1320, slices.Repeat([]int{132}, 10)},
		{1, 1320, []int{1320}},
	} {
		payload := recordsOf(c.records, func(i int) string {
			return fmt.Sprintf(`{"messageId":"m%4d","body":"%s"}`, i, strings.Repeat("x", 1000-len(`{"messageId":"m1234","body":""},`)))
		})
		before := runtime.GOMAXPROCS(c.processors)
		x, err := split(payload, &sqsLayout, admitSQS())
		runtime.GOMAXPROCS(before)
		require.NoError(t, err)
		var got []int
		for _, p := range x.parts {
			got = append(got, len(p.shapes))
		}
		assert.Equal(t, c.want, got, "%d records", c.records)
	}
}

// A share takes memory for its own text: pieces and places are made for that, and not for the whole event.
func TestASmallShareTakesLittleMemory(t *testing.T) {
	s := SQS()
	for _, records := range []int{10, 1000} {
		event := recordsOf(records, sqsRecord)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := splitBy(2, 1000, event, &s.mapping.layout, s.admission(&s.mapping))
		runtime.ReadMemStats(&after)
		require.NoError(t, err)
		assert.Less(t, int(after.TotalAlloc-before.TotalAlloc)/len(event), 10, "times the event's size")
	}
}

// As many goroutines as there are to be scan at once, the caller's among them, and no more than there are shares.
func TestSoManyIndexersWorkAtOnce(t *testing.T) {
	for _, c := range []struct{ most, records, seconds int }{{1, 12, 12}, {2, 12, 6}, {3, 12, 4}, {20, 12, 1}, {3, 1, 1}} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			_, err := splitBy(c.most, 1, recordsOf(c.records, sqsRecord), &sqsLayout, func(int, fields) (string, bool, error) {
				time.Sleep(time.Second)
				return "m", false, nil
			})
			require.NoError(t, err)
			assert.Equal(t, time.Duration(c.seconds)*time.Second, time.Since(began), "%+v", c)
		})
	}
}

// What is wrong with an event is reported in the same words, whoever finds it: the first thing, at its place.
func TestSeveralIndexersComplainAsOneDoes(t *testing.T) {
	for _, wrong := range []string{`null`, `7`, `"a"`, `[]`, `{}`, `{"messageId":5}`, `{"messageId":""}`, `{"messageId":"m","eventSource":"aws:s3"}`,
		`{`, `}`, `]`, `{"messageId"}`, `{"messageId":"m",}`, `x`, ``, `{"messageId":"\x"}`, strings.Repeat("[", jsonscan.MaxDepth), `{"a":` + strings.Repeat("[", jsonscan.MaxDepth) + `}`} {
		for _, at := range [][]int{{0}, {1}, {2}, {17}, {39}, {5, 6}, {9, 30}} {
			event := recordsOf(40, func(i int) string {
				for _, k := range at {
					if i == k {
						return wrong
					}
				}
				return sqsRecord(i)
			})
			SQS().sameBySeveral(t, event)
			SQS().sameBySeveral(t, piped(event))
			SQS().sameBySeveral(t, event[:len(event)-1])
			SQS().sameBySeveral(t, append(event[:len(event):len(event)], `{"Records":[]}`...))
			SQS().sameBySeveral(t, []byte(strings.TrimSuffix(string(event), "}")+`,"records":[`+sqsRecord(1)+`]}`))
		}
	}
}
