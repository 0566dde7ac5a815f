package history_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/lambdasim/history"
)

func TestEventsAreWrittenAsTheDocumentationSays(t *testing.T) {
	for text, event := range map[string]history.Event{
		"0 sent r=9f1c-0001 g=alice":           {Kind: history.Sent, Record: "9f1c-0001", Group: "alice"},
		"12 invoked i=1 n=1 u=3000012":         {At: 12 * time.Microsecond, Kind: history.Invoked, Invocation: 1, Number: 1, Until: 3000012 * time.Microsecond},
		"15 started i=1 r=9f1c-0001 n=1":       {At: 15 * time.Microsecond, Kind: history.Started, Invocation: 1, Record: "9f1c-0001", Number: 1},
		"20 answered i=1 d=`{\"a\": [\"b\"]}`": {At: 20 * time.Microsecond, Kind: history.Answered, Invocation: 1, Detail: `{"a": ["b"]}`},
		`21 failed i=2 d="no \u0060such\n"`:    {At: 21 * time.Microsecond, Kind: history.Failed, Invocation: 2, Detail: "no `such\n"},
	} {
		if event.Kind != history.Failed && event.String() != text {
			t.Errorf("%+v is written %s", event, event)
		}
		var read history.Event
		if err := read.UnmarshalText([]byte(text)); err != nil || read != event {
			t.Errorf("%s is read as %+v, %v", text, read, err)
		}
	}
}

func FuzzEventsComeBackAsTheyWere(f *testing.F) {
	f.Add(int64(3), uint8(history.Received), 1, "id", "a group", 2, int64(4), `{"batchItemFailures":[]}`)
	f.Add(int64(0), uint8(history.Sent), 0, "`", "\x00\xff", 0, int64(0), "g=x r=y")
	f.Fuzz(func(t *testing.T, at int64, kind uint8, invocation int, record, group string, number int, until int64, detail string) {
		e := history.Event{
			At:   time.Duration(at%1e12) * time.Microsecond,
			Kind: history.Kind(kind)%history.Finished + 1, Invocation: invocation, Record: record, Group: group,
			Number: number, Until: time.Duration(until%1e12) * time.Microsecond, Detail: detail,
		}
		var text bytes.Buffer
		w := history.NewWriter(&text)
		w.Write(e)
		w.Write(history.Event{Kind: history.Finished})
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for read, err := range history.Read(&text) {
			if n++; n == 1 && (err != nil || read != e) {
				t.Errorf("%q is read as %+v, %v", e, read, err)
			}
		}
		if n != 2 {
			t.Errorf("%q takes %d lines", e, n-1)
		}
	})
}

func TestReadingNamesTheLineThatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"0 began\nsent r=1\n":             "line 2: ",
		"0 begun\n":                       "line 1: ",
		"0 sent r\n":                      `"r" is not a field`,
		"0 sent x=1\n":                    `"x": no such field`,
		"0 sent n=one\n":                  `"n": `,
		"0 sent r=\"one\n":                `"r": `,
		"0 sent u=9999999999999999999 n=": `"u": `,
	} {
		var err error
		for _, err = range history.Read(strings.NewReader(text)) {
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v does not tell %s", text, err, want)
		}
	}
}
