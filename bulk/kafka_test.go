package bulk_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/bulk"
	"github.com/troupe-go/troupe/kafka"
)

// topic writes an event of two partitions with the offsets 1 to 3, the later partition first. The record named
// cannot be decoded.
func topic(undecodable string) []byte {
	partitions := make([]string, 2)
	for p := range partitions {
		records := make([]string, 3)
		for k := range records {
			value := `"ZGF0YQ=="`
			if fmt.Sprintf("t-%d@%d", p, k+1) == undecodable {
				value = "1"
			}
			records[k] = fmt.Sprintf(`{"topic":"t","partition":%d,"offset":%d,"value":%s}`, p, k+1, value)
		}
		partitions[1-p] = fmt.Sprintf(`"t-%d":[%s]`, p, strings.Join(records, ","))
	}
	return []byte(`{"eventSource":"aws:kafka","records":{` + strings.Join(partitions, ",") + `}}`)
}

// topicAnswer is the response that reports the records, such as "0@3".
func topicAnswer(ids string) string {
	items := []string{}
	for _, id := range strings.Fields(ids) {
		partition, offset, _ := strings.Cut(id, "@")
		items = append(items, `{"itemIdentifier":{"partition":"t-`+partition+`","offset":`+offset+`}}`)
	}
	return `{"batchItemFailures":[` + strings.Join(items, ",") + `]}`
}

// As of any source: what the handler returns decides, and what the policy has to say comes on top, by partition
// (SPEC P1 to P4, D6).
func TestWhatIsReportedOfATopic(t *testing.T) {
	const all = "0@1 0@2 0@3 1@1 1@2 1@3"
	for name, c := range map[string]struct {
		undecodable string
		options     []troupe.Option
		returned    error
		given       string // to the handler
		reported    string
	}{
		"nil":                          {"", nil, nil, all, ""},
		"a failure":                    {"", nil, bulk.Failures{1: errItem}, all, "0@2 0@3"},
		"a failure in each":            {"", nil, bulk.Failures{1: errItem, 5: errItem}, all, "0@2 0@3 1@3"},
		"going on":                     {"", []troupe.Option{troupe.WithPolicy(troupe.Continue)}, bulk.Failures{1: errItem}, all, "0@2"},
		"without order":                {"", []troupe.Option{troupe.WithoutOrder()}, bulk.Failures{1: errItem}, all, "0@2"},
		"stopping at it":               {"", []troupe.Option{troupe.WithPolicy(troupe.StopBatch)}, bulk.Failures{1: errItem}, all, "0@2 0@3 1@1 1@2 1@3"},
		"undecodable":                  {"t-0@2", nil, nil, "0@1 1@1 1@2 1@3", "0@2 0@3"},
		"undecodable, going on":        {"t-0@2", []troupe.Option{troupe.WithPolicy(troupe.Continue)}, nil, "0@1 0@3 1@1 1@2 1@3", "0@2"},
		"undecodable, stopping at it":  {"t-0@2", []troupe.Option{troupe.WithPolicy(troupe.StopBatch)}, nil, "0@1", "0@2 0@3 1@1 1@2 1@3"},
		"undecodable behind a failure": {"t-0@2", nil, bulk.Failures{1: errItem}, "0@1 1@1 1@2 1@3", "0@2 0@3 1@1 1@2 1@3"},
		"any other error":              {"", []troupe.Option{troupe.WithErrorWhen(troupe.ErrorWhenNever)}, errItem, all, all},
	} {
		t.Run(name, func(t *testing.T) {
			var given []string
			p := bulk.Kafka(func(_ context.Context, batch []kafka.Record) error {
				for _, r := range batch {
					given = append(given, strings.TrimPrefix(r.ID(), "t-"))
				}
				return c.returned
			}, append(c.options, troupe.WithLogger(slog.New(slog.DiscardHandler)))...)
			response, err := p.Invoke(t.Context(), topic(c.undecodable))
			require.NoError(t, err)
			assert.JSONEq(t, topicAnswer(c.reported), string(response))
			assert.Equal(t, c.given, strings.Join(given, " "))
		})
	}
}

func TestOptionsThatABatchHandlerOfATopicRefuses(t *testing.T) {
	nothing := func(context.Context, []kafka.Record) error { return nil }
	assert.Contains(t, refusal(t, func() { bulk.Kafka(nothing, kafka.ByKey()) }), "troupe: kafka.ByKey is not allowed: ")
	assert.Contains(t, refusal(t, func() { bulk.Kafka(nothing, troupe.WithLowestOnly()) }), "troupe: WithLowestOnly is for")
	assert.Contains(t, refusal(t, func() { bulk.Kafka(nil) }), "troupe: the kafka batch handler is nil")
}
