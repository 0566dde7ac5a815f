package semantics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/troupe-go/troupe"
)

// SPEC 2: a processor may be invoked by several goroutines at once; each batch gets its own answer.
func TestConcurrentInvocationsGetTheirOwnAnswers(t *testing.T) {
	const loops, rounds, n = 8, 12, 60
	for _, source := range sources {
		t.Run(source, func(t *testing.T) {
			var reports sync.Map
			p := process(source, func(ctx context.Context, body string) error {
				rec, _ := troupe.RecordFrom(ctx)
				runtime.Gosched()
				switch id, what, _ := strings.Cut(body, " "); {
				case id != rec.ID:
					panic(fmt.Sprint(id, " came as ", rec.ID))
				case what == "fail":
					return errors.New(id)
				case what == "panic":
					panic(id)
				case what == "exit":
					runtime.Goexit()
				}
				return nil
			}, troupe.WithPolicy(troupe.Continue), troupe.WithLogger(slog.New(slog.DiscardHandler)), troupe.WithConcurrency(3), troupe.WithObserver(func(_ context.Context, r *troupe.Report) {
				reports.Store(r.Records[0].ID, r)
			}))
			var all sync.WaitGroup
			for loop := range loops {
				all.Go(func() {
					for round := range rounds {
						var records []record
						want := []string{}
						for i := range n {
							r := record{id: fmt.Sprintf("%d-%d-%d", loop, round, i), group: fmt.Sprint(i % 5)}
							what := []string{"ok", "fail", "ok", "panic", "ok", "exit", "ok"}[(i+loop+round)%7]
							r.body = r.id + " " + what
							if what != "ok" {
								want = append(want, r.id)
							}
							records = append(records, r)
						}
						response, err := p.Invoke(context.Background(), document(source, records...))
						if !assert.NoError(t, err) || !assert.Equal(t, want, failures(t, response)) {
							return
						}
						r, ok := reports.Load(records[0].id)
						if assert.True(t, ok) {
							report := r.(*troupe.Report)
							assert.Equal(t, len(want), report.Failed)
							for i := range records {
								assert.Equal(t, records[i].id, report.Records[i].ID)
							}
						}
					}
				})
			}
			all.Wait()
		})
	}
}
