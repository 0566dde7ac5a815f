package lambdasim

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
)

// Handlers of lambda.NewHandler return the bytes of a pooled buffer. A simulation calls one handler concurrently, and
// each invocation gets its own response all the same.
func TestResponsesOfConcurrentInvocationsAreNotMixed(t *testing.T) {
	h := lambda.NewHandler(func(_ context.Context, n int) (string, error) { return strings.Repeat(strconv.Itoa(n), 1000), nil })
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			want := `"` + strings.Repeat(strconv.Itoa(n), 1000) + `"`
			for range 2000 {
				if got, err := respond(t.Context(), h, []byte(strconv.Itoa(n))); got != want || err != nil {
					t.Errorf("invocation %d: got %.20q… of %d bytes, %v", n, got, len(got), err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A function that panics after its response event has been announced leaves nothing locked.
func TestRespondUnlocksWhenAnEncoderPanics(t *testing.T) {
	h := lambda.NewHandler(func(context.Context) (unencodable, error) { return unencodable{}, nil })
	for range 2 {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			_, _ = respond(t.Context(), h, []byte("{}"))
		}()
	}
}

type unencodable struct{}

func (unencodable) MarshalJSON() ([]byte, error) { panic("cannot be encoded") }
