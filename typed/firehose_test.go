package typed_test

import (
	"context"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/firehose"
	"github.com/troupe-go/troupe/typed"
)

// deliveryDocument has {"id":"a"}, data that is no JSON, none, what is not base64, and {"id":"b"} from Kafka.
const deliveryDocument = `{"records":[{"recordId":"1","data":"eyJpZCI6ImEifQ=="},{"recordId":"2","data":"b29wcw=="},{"recordId":"3","data":""},
	{"recordId":"4","data":"!"},{"recordId":"5","kafkaRecordValue":"eyJpZCI6ImIifQ=="}]}`

// SPEC D6: data is decoded, and what cannot be fails alone, or is dropped by option if there is data.
func TestDataOfFirehoseIsDecoded(t *testing.T) {
	for name, c := range map[string]struct {
		options  []typed.Option
		response string
	}{
		"failed":  {nil, `{"recordId":"2","result":"ProcessingFailed","data":"b29wcw=="},{"recordId":"3","result":"ProcessingFailed","data":""}`},
		"dropped": {[]typed.Option{typed.WithDropUndecodable()}, `{"recordId":"2","result":"Dropped","data":""},{"recordId":"3","result":"Dropped","data":""}`},
	} {
		t.Run(name, func(t *testing.T) {
			handler := typed.Firehose(troupe.Returning(func(ctx context.Context, o order) (string, error) {
				record, err := troupe.MessageFrom[firehose.Record](ctx)
				require.NoError(t, err)
				return record.ID + o.ID, nil
			}), c.options...)
			response, report := run(t, func(options ...troupe.Option) lambda.Handler { return firehose.New(handler, options...) }, []byte(deliveryDocument))
			assert.Equal(t, `{"records":[{"recordId":"1","result":"Ok","data":"MWE="},`+c.response+
				`,{"recordId":"4","result":"ProcessingFailed","data":""},{"recordId":"5","result":"Ok","kafkaRecordValue":"NWI="}]}`, response)
			for _, i := range []int{1, 2, 3} {
				assert.ErrorIs(t, report.Records[i].Err, troupe.ErrUndecodable)
			}
			assert.EqualError(t, report.Records[1].Err, `troupe: record "2", index 1, cannot be decoded: data: not JSON (at byte 0 of the payload)`)
		})
	}
}
