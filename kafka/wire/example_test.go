package wire_test

import (
	"fmt"

	"github.com/troupe-go/troupe/kafka/wire"
)

// The answer turns the identifiers of records into what Lambda knows them by.
func ExampleAnswer() {
	fmt.Println(string(wire.Answer().JSON([]string{"orders-0@15"})))
	// Output: {"batchItemFailures":[{"itemIdentifier":{"partition":"orders-0","offset":15}}]}
}
