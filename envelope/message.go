package envelope

import (
	"fmt"

	"github.com/troupe-go/troupe/batch"
)

// need panics if there is no handler.
func need(name string, isNil bool) {
	if isNil {
		panic(fmt.Errorf("troupe: envelope.%s(nil): must be a function", name))
	}
}

// missing is the error of an envelope without a mandatory member.
func missing(field, what string) error {
	return &batch.DecodeError{Field: field, Offset: -1, Problem: "missing or empty where " + what + " was expected"}
}
