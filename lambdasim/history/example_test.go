package history_test

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/troupe-go/troupe/lambdasim/history"
)

// A history has one line for each event, for people and for grep.
func ExampleNewWriter() {
	w := history.NewWriter(os.Stdout)
	w.Write(history.Event{Kind: history.Sent, Record: "m1", Group: "ann"})
	w.Write(history.Event{Kind: history.Invoked, At: 12 * time.Microsecond, Invocation: 1, Number: 1, Until: 3 * time.Second})
	if err := w.Flush(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 0 sent r=m1 g=ann
	// 12 invoked i=1 n=1 u=3000000
}

func ExampleRead() {
	const text = `0 sent r=m1 g=ann
12 invoked i=1 n=1 u=3000000
20 started i=1 r=m1 n=1
`
	for event, err := range history.Read(strings.NewReader(text)) {
		fmt.Println(event.At, event.Kind, event.Record, err)
	}
	// Output:
	// 0s sent m1 <nil>
	// 12µs invoked  <nil>
	// 20µs started m1 <nil>
}
