package firehose

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// delivered is what Firehose makes of a response, by record: "Ok data", "Dropped" or "ProcessingFailed data". The error
// says why Firehose or Lambda would take all of it for a failure: the rules are those of "Required parameters for data
// transformation", and of the payload limit in "Lambda quotas".
func delivered(event, response []byte) ([]string, error) {
	var asked struct {
		Records []map[string]json.RawMessage `json:"records"`
	}
	if err := json.Unmarshal(event, &asked); err != nil {
		return nil, err
	}
	if len(response) >= 6<<20 {
		return nil, fmt.Errorf("%d bytes", len(response))
	}
	var answer map[string][]map[string]any
	if err := json.Unmarshal(response, &answer); err != nil {
		return nil, err
	}
	if len(answer) != 1 || answer["records"] == nil || len(answer["records"]) != len(asked.Records) {
		return nil, fmt.Errorf("%d records of %d", len(answer["records"]), len(asked.Records))
	}
	seen := map[string]bool{}
	results := []string{}
	for i, record := range answer["records"] {
		var id string
		if err := json.Unmarshal(asked.Records[i]["recordId"], &id); err != nil {
			return nil, err
		}
		if record["recordId"] != id || seen[id] {
			return nil, fmt.Errorf("record %d is %v", i, record["recordId"])
		}
		seen[id] = true
		name, other := "data", "kafkaRecordValue"
		if _, msk := asked.Records[i][other]; msk {
			name, other = other, name
		}
		text, ok := record[name].(string)
		if _, both := record[other]; !ok || both {
			return nil, fmt.Errorf("record %d has no %s, or %s as well", i, name, other)
		}
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", i, err)
		}
		for key := range record {
			switch key {
			case "recordId", "result", "metadata", name:
			default:
				return nil, fmt.Errorf("record %d has a %s", i, key)
			}
		}
		if metadata, given := record["metadata"]; given {
			if err := routes(metadata); err != nil {
				return nil, fmt.Errorf("record %d: %w", i, err)
			}
		}
		switch record["result"] {
		case "Ok", "ProcessingFailed", "Dropped":
			results = append(results, strings.TrimSpace(record["result"].(string)+" "+string(data)))
		default:
			return nil, fmt.Errorf("record %d has the result %v", i, record["result"])
		}
	}
	return results, nil
}

// routes checks the metadata of a record.
func routes(metadata any) error {
	m, ok := metadata.(map[string]any)
	if !ok {
		return fmt.Errorf("metadata is a %T", metadata)
	}
	for name, value := range m {
		of, ok := value.(map[string]any)
		if !ok || name != "partitionKeys" && name != "otfMetadata" {
			return fmt.Errorf("metadata has a %s that is a %T", name, value)
		}
		for key, value := range of {
			if text, ok := value.(string); !ok || name == "otfMetadata" && text == "" {
				return fmt.Errorf("%s has a %s that is %v", name, key, value)
			}
		}
	}
	return nil
}

// The checker would find a response that Firehose does not take.
func TestAResponseThatFirehoseDoesNotTakeIsFound(t *testing.T) {
	event := []byte(`{"records":[{"recordId":"a","data":"YQ=="},{"recordId":"b","kafkaRecordValue":"Yg=="}]}`)
	a, b := `{"recordId":"a","result":"Ok","data":"YQ=="}`, `{"recordId":"b","result":"Dropped","kafkaRecordValue":""}`
	results, err := delivered(event, []byte(`{"records":[`+a+`,`+b+`]}`))
	require.NoError(t, err)
	require.Equal(t, []string{"Ok a", "Dropped"}, results)
	for name, bad := range map[string]string{
		"not JSON":      `{"records":[`,
		"nothing":       `{}`,
		"more":          `{"records":[` + a + `,` + b + `],"batchItemFailures":[]}`,
		"missing":       `{"records":[` + a + `]}`,
		"twice":         `{"records":[` + a + `,` + a + `]}`,
		"order":         `{"records":[` + b + `,` + a + `]}`,
		"null data":     `{"records":[{"recordId":"a","result":"Dropped","data":null},` + b + `]}`,
		"no data":       `{"records":[{"recordId":"a","result":"Dropped"},` + b + `]}`,
		"no base64":     `{"records":[{"recordId":"a","result":"Ok","data":"a"},` + b + `]}`,
		"result":        `{"records":[{"recordId":"a","result":"OK","data":""},` + b + `]}`,
		"both names":    `{"records":[` + a + `,{"recordId":"b","result":"Ok","data":"","kafkaRecordValue":""}]}`,
		"wrong name":    `{"records":[` + a + `,{"recordId":"b","result":"Ok","data":""}]}`,
		"a member more": `{"records":[{"recordId":"a","result":"Ok","data":"","error":""},` + b + `]}`,
		"metadata":      `{"records":[{"recordId":"a","result":"Ok","data":"","metadata":null},` + b + `]}`,
		"key":           `{"records":[{"recordId":"a","result":"Ok","data":"","metadata":{"partitionKeys":{"a":1}}},` + b + `]}`,
		"no operation":  `{"records":[{"recordId":"a","result":"Ok","data":"","metadata":{"otfMetadata":{"operation":""}}},` + b + `]}`,
		"unknown":       `{"records":[{"recordId":"a","result":"Ok","data":"","metadata":{"x":{}}},` + b + `]}`,
		"large":         `{"records":[` + a + `,` + strings.TrimSuffix(b, `"}`) + strings.Repeat("AAAA", 6<<18) + `"}]}`,
	} {
		_, err := delivered(event, []byte(bad))
		require.Error(t, err, name)
	}
}
