package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/examples/payloads/protobuf/orders"
	"github.com/troupe-go/troupe/kafka"
)

// framed returns a message as Confluent's serializers write it: schema 42, and the list of indexes.
func framed(t *testing.T, message proto.Message, indexes ...byte) []byte {
	t.Helper()
	encoded, err := proto.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	header := binary.BigEndian.AppendUint32([]byte{0}, 42)
	return slices.Concat(header, indexes, encoded)
}

func TestOrdersBehindTheHeaderOfARegistryAreShipped(t *testing.T) {
	order := &orders.Order{Id: "o-1", Article: "tea", Quantity: 3}
	var shipped []*orders.Order
	processor := kafka.New(handler(func(ctx context.Context, o *orders.Order) error {
		shipped = append(shipped, o)
		return ship(ctx, o)
	}), troupe.WithPolicy(troupe.Continue), troupe.WithConcurrency(1))

	values := [][]byte{
		framed(t, order, 0),                              // [0] in its short form
		framed(t, order, 2, 0),                           // and in the long one
		framed(t, &orders.Cancellation{Id: "o-1"}, 2, 2), // [1], another message
		framed(t, order, 0)[:3],                          // cut short
		framed(t, &orders.Order{Id: "o-2"}, 0),           // nothing to ship
		nil,                                              // a tombstone
		[]byte(`{"id":"o-1"}`),                           // JSON
	}
	event := kafka.Event{Records: map[string][]kafka.Record{"orders-0": nil}}
	for i, value := range values {
		event.Records["orders-0"] = append(event.Records["orders-0"], kafka.Record{Topic: "orders", Offset: int64(i), Value: value})
	}
	response, report, err := processor.ProcessReport(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}

	if failed := fmt.Sprint(response.BatchItemFailures); failed != "[{orders-0@2} {orders-0@3} {orders-0@4} {orders-0@6}]" {
		t.Error("failed:", failed)
	}
	want := []*orders.Order{order, order, {Id: "o-2"}, nil}
	if !slices.EqualFunc(want, shipped, func(a, b *orders.Order) bool { return proto.Equal(a, b) }) {
		t.Error("shipped:", shipped)
	}
	if got, want := report.Records[2].Err.Error(), "troupe: record cannot be decoded: value: another Protobuf message where that with index [0] was expected"; got != want {
		t.Error(got)
	}
}
