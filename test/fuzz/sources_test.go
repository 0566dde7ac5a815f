package fuzz

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/kafka"
)

// The identifiers are read into types that have nothing but them: encoding/json goes on when another value of
// a record is of the wrong kind, so what it leaves in there is what it reads.

func sqs() source {
	return source{
		origin: `"aws:sqs"`,
		small:  `{"Records":[{"messageId":"a","body":"x","eventSourceARN":"q.fifo","attributes":{"MessageGroupId":"g"}},{"messageId":"b","body":"","eventSource":"aws:sqs"},{"messageId":"c"}]}`,
		fields: map[string]string{"messageId": `"other"`, "body": `"other"`, "eventSource": `"aws:sqs"`, "attributes": `{"MessageGroupId":"other"}`},
		read: readList(func(raw []byte) record {
			var m struct {
				MessageID string `json:"messageId"`
			}
			_ = json.Unmarshal(raw, &m)
			return record{m.MessageID, sound[events.SQSMessage](raw)}
		}),
		reported: readTexts,
		barrier:  true, // if it is a FIFO queue
		start: func(handle func(context.Context, string) error, options ...troupe.Option) lambda.Handler {
			return troupe.SQS(func(ctx context.Context, m events.SQSMessage) error { return handle(ctx, m.MessageId) }, options...)
		},
	}
}

func kinesis() source {
	return source{
		origin: `"aws:kinesis"`,
		small:  `{"Records":[{"kinesis":{"sequenceNumber":"1","partitionKey":"p","data":"AA=="},"eventSource":"aws:kinesis"},{"kinesis":{"sequenceNumber":"2","data":""}},{"kinesis":{"sequenceNumber":"3"}}]}`,
		fields: map[string]string{"sequenceNumber": `"7"`, "kinesis": `{"sequenceNumber":"7"}`, "data": `"AA=="`, "partitionKey": `"other"`},
		read: readList(func(raw []byte) record {
			var r struct {
				Kinesis struct {
					SequenceNumber string `json:"sequenceNumber"`
				} `json:"kinesis"`
			}
			_ = json.Unmarshal(raw, &r)
			return record{r.Kinesis.SequenceNumber, sound[events.KinesisEventRecord](raw)}
		}),
		reported: readTexts,
		barrier:  true,
		start: func(handle func(context.Context, string) error, options ...troupe.Option) lambda.Handler {
			return troupe.Kinesis(func(ctx context.Context, r events.KinesisEventRecord) error {
				return handle(ctx, r.Kinesis.SequenceNumber)
			}, options...)
		},
	}
}

func dynamoDB() source {
	return source{
		origin: `"aws:dynamodb"`,
		small:  `{"Records":[{"dynamodb":{"SequenceNumber":"1","Keys":{"k":{"S":"a"}}},"eventSource":"aws:dynamodb"},{"dynamodb":{"SequenceNumber":"2","NewImage":{"k":{"BS":["AA=="]}}}},{"dynamodb":{"SequenceNumber":"3"}}]}`,
		fields: map[string]string{"SequenceNumber": `"7"`, "dynamodb": `{"SequenceNumber":"7"}`, "Keys": `{"id":{"S":"other"}}`, "NewImage": `{"id":{"BS":["AA=="]}}`},
		read: readList(func(raw []byte) record {
			var r struct {
				Change struct {
					SequenceNumber string `json:"SequenceNumber"`
				} `json:"dynamodb"`
			}
			_ = json.Unmarshal(raw, &r)
			return record{r.Change.SequenceNumber, sound[events.DynamoDBEventRecord](raw)}
		}),
		reported: readTexts,
		barrier:  true,
		start: func(handle func(context.Context, string) error, options ...troupe.Option) lambda.Handler {
			return troupe.DynamoDB(func(ctx context.Context, r events.DynamoDBEventRecord) error {
				return handle(ctx, r.Change.SequenceNumber)
			}, options...)
		},
	}
}

func topic() source {
	return source{
		origin:   `"aws:kafka"`,
		small:    `{"records":{"t-1":[{"topic":"t","partition":1,"offset":3,"value":"AA=="},{"topic":"t","partition":1,"offset":2,"headers":[{"a":[1]}]}],"t-0":[{"topic":"t","partition":0,"offset":9}]},"eventSource":"aws:kafka"}`,
		fields:   map[string]string{"topic": `"other"`, "partition": `3`, "offset": `7`, "value": `"AA=="`, "headers": `[{"a":[-1]},{"a":null}]`},
		read:     readTopic,
		reported: readOffsets,
		start: func(handle func(context.Context, string) error, options ...troupe.Option) lambda.Handler {
			return kafka.New(func(ctx context.Context, r kafka.Record) error { return handle(ctx, r.ID()) }, options...)
		},
	}
}

// readList reads an event whose records are an array.
func readList(read func(raw []byte) record) func([]byte) []record {
	return func(payload []byte) []record {
		var event struct{ Records []json.RawMessage }
		if json.Unmarshal(payload, &event) != nil {
			return nil
		}
		records := make([]record, len(event.Records))
		for i, raw := range event.Records {
			records[i] = read(raw)
		}
		return records
	}
}

// readTopic reads an event whose records are arrays by partition.
func readTopic(payload []byte) []record {
	var event struct{ Records map[string][]json.RawMessage }
	_ = json.Unmarshal(payload, &event)
	type located struct {
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
		Offset    int64  `json:"offset"`

		sound bool
	}
	var all []located
	for _, list := range event.Records {
		for _, raw := range list {
			var l located
			_ = json.Unmarshal(raw, &l)
			l.sound = sound[struct {
				Topic         string              `json:"topic"`
				Partition     int32               `json:"partition"`
				Offset        int64               `json:"offset"`
				Timestamp     int64               `json:"timestamp"`
				TimestampType string              `json:"timestampType"`
				Key           []byte              `json:"key"`
				Value         []byte              `json:"value"`
				Headers       []map[string][]int8 `json:"headers"`

				KeySchema   *kafka.SchemaMetadata `json:"keySchemaMetadata"`
				ValueSchema *kafka.SchemaMetadata `json:"valueSchemaMetadata"`
			}](raw)
			all = append(all, l)
		}
	}
	// Those that have all in common may come in either order, and nothing distinguishes them.
	slices.SortStableFunc(all, func(x, y located) int {
		return cmp.Or(cmp.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition), cmp.Compare(x.Offset, y.Offset))
	})
	records := make([]record, len(all))
	for i, l := range all {
		records[i] = record{fmt.Sprintf("%s-%d@%d", l.Topic, l.Partition, l.Offset), l.sound}
		twin := func(at int) bool {
			return at >= 0 && at < len(all) && all[at].Topic == l.Topic && all[at].Partition == l.Partition && all[at].Offset == l.Offset
		}
		if twin(i-1) || twin(i+1) {
			records[i].sound = false // which of them is, cannot be told
		}
	}
	return records
}

// sound reports whether encoding/json can decode a record. Attribute values of aws-lambda-go can make it panic.
func sound[T any](raw []byte) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return json.Unmarshal(raw, new(T)) == nil
}

// readTexts reads a response whose identifiers are strings, and of the very form that Lambda knows.
func readTexts(response []byte) ([]string, error) {
	var form struct {
		BatchItemFailures []struct {
			ItemIdentifier string `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := decode(response, &form); err != nil {
		return nil, err
	}
	ids := []string{}
	for _, f := range form.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids, nil
}

// readOffsets reads a response whose identifiers are places in a topic.
func readOffsets(response []byte) ([]string, error) {
	var form struct {
		BatchItemFailures []struct {
			ItemIdentifier struct {
				Partition string `json:"partition"`
				Offset    int64  `json:"offset"`
			} `json:"itemIdentifier"`
		} `json:"batchItemFailures"`
	}
	if err := decode(response, &form); err != nil {
		return nil, err
	}
	ids := []string{}
	for _, f := range form.BatchItemFailures {
		ids = append(ids, fmt.Sprintf("%s@%d", f.ItemIdentifier.Partition, f.ItemIdentifier.Offset))
	}
	return ids, nil
}

func decode(response []byte, form any) error {
	d := json.NewDecoder(bytes.NewReader(response))
	d.DisallowUnknownFields()
	return d.Decode(form)
}
