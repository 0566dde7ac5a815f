package dynamodbstore_test

import (
	"testing"

	"github.com/troupe-go/troupe/aws/dynamodbstore"
	"github.com/troupe-go/troupe/idempotency/storetest"
)

// What the client and a server on this machine take; a table in the function's Region answers in some milliseconds.
func BenchmarkTable(b *testing.B) {
	for name, endpoint := range endpoints {
		b.Run(name, func(b *testing.B) {
			client := clientOf(b, endpoint)
			storetest.Benchmark(b, dynamodbstore.New(client, table(b, client, "id")))
		})
	}
}
