// Command protobuf is a Lambda function that ships orders from a Kafka topic. Their producer uses Confluent's schema
// registry and Protobuf: before each order is the number of its schema, and which message of the schema it is.
package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/aws/aws-lambda-go/lambda"
	"google.golang.org/protobuf/proto"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/examples/payloads/protobuf/orders"
	"github.com/troupe-go/troupe/kafka"
	"github.com/troupe-go/troupe/typed"
)

func main() { lambda.Start(kafka.New(handler(ship))) }

// handler removes the registry's header from a value and decodes the order. A value that is not an order fails
// alone: one without a header, or with another message of the schema.
func handler(ship troupe.Handler[*orders.Order]) troupe.Handler[troupe.Lazy[kafka.Record]] {
	return kafka.Confluent(typed.Kafka(ship, typed.WithDecoder(decode)), kafka.WithProtobuf(0))
}

func decode(payload []byte) (*orders.Order, error) {
	order := new(orders.Order)
	return order, proto.Unmarshal(payload, order)
}

// ship ships an order. A tombstone has none.
func ship(ctx context.Context, order *orders.Order) error {
	if order == nil {
		return nil
	}
	if order.GetQuantity() == 0 {
		return troupe.Permanent(errors.New("nothing to ship"))
	}
	schema, _ := kafka.SchemaFrom(ctx)
	slog.InfoContext(ctx, "shipped", "order", order.GetId(), "schema", schema.ID)
	return nil
}
