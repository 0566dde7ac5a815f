package firehose_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/firehose"
	"github.com/troupe-go/troupe/typed"
)

// reading is what devices send.
type reading struct {
	Device      string  `json:"device"`
	Temperature float64 `json:"temperature"`
	Test        bool    `json:"test"`
}

// row is what is delivered.
type row struct {
	Device     string `json:"device"`
	Fahrenheit int    `json:"fahrenheit"`
}

func clean(ctx context.Context, r reading) (firehose.Output, error) {
	switch {
	case r.Test:
		return firehose.Output{}, troupe.Drop(errors.New("a test"))
	case r.Device == "":
		return firehose.Output{}, errors.New("no device")
	}
	output, err := firehose.JSON(row{r.Device, int(r.Temperature*9/5 + 32)})
	output.PartitionKeys = map[string]string{"device": r.Device}
	return output, err
}

// Each record is decoded, transformed and delivered with a partition key, or dropped, or failed. A Lambda function
// ends with lambda.Start(processor).
func Example() {
	processor := firehose.New(typed.Firehose(troupe.Returning(clean)), troupe.WithLogger(slog.New(slog.DiscardHandler)))

	response, err := processor.Invoke(context.Background(), []byte(`{
		"invocationId": "3f1c2c7e", "deliveryStreamArn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/readings", "region": "eu-west-1",
		"records": [
			{"recordId": "1", "approximateArrivalTimestamp": 1763784000125, "data": "eyJkZXZpY2UiOiJkLTEiLCJ0ZW1wZXJhdHVyZSI6MjV9"},
			{"recordId": "2", "approximateArrivalTimestamp": 1763784000126, "data": "eyJkZXZpY2UiOiJkLTIiLCJ0ZXN0Ijp0cnVlfQ=="},
			{"recordId": "3", "approximateArrivalTimestamp": 1763784000127, "data": "bm8gSlNPTg=="}
		]
	}`))
	fmt.Println(strings.ReplaceAll(string(response), "},{", "},\n {"), err)
	// Output:
	// {"records":[{"recordId":"1","result":"Ok","data":"eyJkZXZpY2UiOiJkLTEiLCJmYWhyZW5oZWl0Ijo3N30K","metadata":{"partitionKeys":{"device":"d-1"}}},
	//  {"recordId":"2","result":"Dropped","data":""},
	//  {"recordId":"3","result":"ProcessingFailed","data":"bm8gSlNPTg=="}]} <nil>
}

// Without package typed a handler takes the record and returns bytes or a string.
func ExampleNew() {
	processor := firehose.New(troupe.Returning(func(ctx context.Context, record firehose.Record) (string, error) {
		return strings.ToUpper(string(record.Data)) + "\n", nil
	}))
	response, err := processor.Process(context.Background(), firehose.Event{Records: []firehose.Record{
		{ID: "1", Data: []byte("from a stream")}, {ID: "2", Data: []byte("from a topic"), FromMSK: true},
	}})
	for _, record := range response.Records {
		fmt.Printf("%s %s %q\n", record.ID, record.Result, record.Data)
	}
	text, _ := json.Marshal(response.Records[1])
	fmt.Println(string(text), err)
	// Output:
	// 1 Ok "FROM A STREAM\n"
	// 2 Ok "FROM A TOPIC\n"
	// {"recordId":"2","result":"Ok","kafkaRecordValue":"RlJPTSBBIFRPUElDCg=="} <nil>
}

// JSON ends each record with a newline, so that an S3 object has one record on each line.
func ExampleJSON() {
	output, err := firehose.JSON(row{Device: "d-1", Fahrenheit: 77})
	fmt.Printf("%q %v\n", output.Data, err)
	// Output: "{\"device\":\"d-1\",\"fahrenheit\":77}\n" <nil>
}

// A stream that delivers to Apache Iceberg tables writes each record to the table that the handler chooses.
func ExampleTable() {
	processor := firehose.New(troupe.Returning(func(ctx context.Context, record firehose.Record) (firehose.Output, error) {
		return firehose.Output{Data: record.Data, Table: &firehose.Table{Database: "shop", Name: "orders", Operation: "update"}}, nil
	}))
	response, err := processor.Invoke(context.Background(), []byte(`{"records":[{"recordId":"1","data":"e30="}]}`))
	fmt.Println(string(response), err)
	// Output: {"records":[{"recordId":"1","result":"Ok","data":"e30=","metadata":{"otfMetadata":{"destinationDatabaseName":"shop","destinationTableName":"orders","operation":"update"}}}]} <nil>
}

// Source and Answer are for processors whose options are not known in advance: New panics for a wrong one.
func ExampleAnswer() {
	handler := troupe.Returning(func(ctx context.Context, record firehose.Record) ([]byte, error) { return record.Data, nil })
	_, err := troupe.NewProcessor(firehose.Source{}, firehose.Answer(), handler, troupe.WithConcurrency(0))
	fmt.Println(err)
	// Output: troupe: WithConcurrency(0): must be at least 1
}
