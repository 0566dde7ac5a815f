package emf_test

import (
	"context"
	"io"
	"testing"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/observe/emf"
)

// What a line costs an invocation. An observer of any kind costs a goroutine, so one that does nothing is
// beside it.
func BenchmarkObserve(b *testing.B) {
	for _, c := range []struct {
		name    string
		options []troupe.Option
	}{
		{"without", nil},
		{"observer that does nothing", []troupe.Option{troupe.WithObserver(func(context.Context, *troupe.Report) {})}},
		{"with", []troupe.Option{emf.Observe("Orders", emf.WithWriter(io.Discard))}},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := troupe.SQS(obey, c.options...)
			payload := event("ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok", "ok")
			b.ReportAllocs()
			for b.Loop() {
				_, _ = p.Invoke(context.Background(), payload)
			}
		})
	}
}
