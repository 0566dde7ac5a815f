package kpl_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kpl"
)

// What 1,000 user records cost, plain or packed by the hundred, beside the plain ones without the package.
func BenchmarkInvoke(b *testing.B) {
	users, data := make([]string, 1000), make([]string, 1000)
	for i := range users {
		data[i] = fmt.Sprintf(`{"device":"d-%d","status":"nominal"}`, i%100)
		users[i] = fmt.Sprintf("d-%d=%s", i%100, data[i])
	}
	var packed []string
	for hundred := range slices.Chunk(users, 100) {
		packed = append(packed, aggregate(hundred...))
	}
	nothing := kpl.Kinesis(func(context.Context, kpl.UserRecord) error { return nil })
	for _, c := range []struct {
		name      string
		payload   []byte
		processor lambda.Handler
	}{
		{"troupe.Kinesis", document(data...), troupe.Kinesis(func(context.Context, events.KinesisEventRecord) error { return nil })},
		{"plain", document(data...), nothing},
		{"packed", document(packed...), nothing},
	} {
		b.Run(c.name, func(b *testing.B) {
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.processor.Invoke(ctx, c.payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
