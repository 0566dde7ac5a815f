package dynamodbstore_test

import (
	"testing"

	"github.com/troupe-go/troupe/aws/dynamodbstore"
	"github.com/troupe-go/troupe/idempotency/storetest"
)

// The client's part of a call; a table in the function's region answers in some milliseconds.
func BenchmarkDynalite(b *testing.B) {
	client := clientOf(b, endpoints["dynalite"])
	storetest.Benchmark(b, dynamodbstore.New(client, table(b, client, "id")))
}
