// Command validation is a Lambda function that accepts registrations from a queue. A validation library checks them:
// JSON that is not a valid registration is dead-lettered like invalid JSON, without a call of the handler.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/go-playground/validator/v10"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/typed"
)

func main() { lambda.Start(troupe.SQS(handler(register))) }

// registration is the body of a message.
type registration struct {
	Email   string `json:"email" validate:"required,email"`
	Country string `json:"country" validate:"required,iso3166_1_alpha2"`
	Age     int    `json:"age" validate:"gte=18,lte=130"`
}

// validate caches information about types, and is safe for concurrent use.
var validate = validator.New(validator.WithRequiredStructEnabled())

func handler(register troupe.Handler[registration]) troupe.Handler[troupe.Lazy[events.SQSMessage]] {
	return typed.SQS(register, typed.WithDecoder(decode[registration]))
}

// decode decodes and validates. What it returns as an error is not in the log, since it may quote the payload; a
// *troupe.DecodeError is, so it names the first field that is wrong and the rule, not the value.
func decode[T any](payload []byte) (value T, err error) {
	if err := json.Unmarshal(payload, &value); err != nil {
		return value, err
	}
	err = validate.Struct(value)
	if fields, ok := errors.AsType[validator.ValidationErrors](err); ok {
		return value, &troupe.DecodeError{Field: fields[0].StructNamespace(), Offset: -1, Problem: "does not satisfy " + fields[0].Tag()}
	}
	return value, err
}

func register(ctx context.Context, r registration) error {
	slog.InfoContext(ctx, "registered", "country", r.Country)
	return nil
}
