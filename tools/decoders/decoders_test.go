package decoders

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/bytedance/sonic"
	experiment "github.com/go-json-experiment/json"
	goccy "github.com/goccy/go-json"
	"github.com/stretchr/testify/assert"
)

// order is a body of 250 bytes, as in the comparison with other libraries.
type order struct {
	ID       string  `json:"id"`
	Customer string  `json:"customer"`
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
	Lines    []line  `json:"lines"`
	Note     *string `json:"note"`
}

type line struct {
	SKU      string `json:"sku"`
	Quantity int    `json:"quantity"`
}

const body = `{"id":"o-000001","customer":"c-000001","amount":12.5,"currency":"EUR","lines":[{"sku":"a-1","quantity":1},` +
	`{"sku":"b-22","quantity":3},{"sku":"c-333","quantity":5}],"note":"leave it with the neighbour if nobody is in, and ring twice if the bell is broken"}`

// decoders are the functions to plug in by typed.WithDecoder. Those of this version of Go are added by other files.
var decoders = map[string]func([]byte) (order, error){
	"encoding/json": func(b []byte) (o order, err error) { return o, json.Unmarshal(b, &o) },
	"experiment":    func(b []byte) (o order, err error) { return o, experiment.Unmarshal(b, &o) },
	"goccy":         func(b []byte) (o order, err error) { return o, goccy.Unmarshal(b, &o) },
	"sonic":         func(b []byte) (o order, err error) { return o, sonic.ConfigStd.Unmarshal(b, &o) },
	"sonic fastest": func(b []byte) (o order, err error) { return o, sonic.ConfigFastest.Unmarshal(b, &o) },
}

func BenchmarkDecoders(b *testing.B) {
	for name, decode := range decoders {
		b.Run(name, func(b *testing.B) {
			payload := []byte(body)
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				if _, err := decode(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// differing are payloads that decoders are known to treat in different ways.
var differing = []string{
	body, `{}`, `null`, ` {"id":"a"} `, `{"ID":"a"}`, `{"id":"a","id":"b"}`, `{"id":null}`, `{"amount":1e400}`, `{"amount":01}`, `{"id":"\ud800"}`, "{\"id\":\"\xff\"}", "{\"id\":\"\x01\"}",
	`{"lines":null}`, `{"lines":[]}`, `{"lines":[null]}`, `{"id":"a"}x`, `{"id":"a"`, ``, `[]`, `{"lines":[{"quantity":1.5}]}`, `{"lines":[{"quantity":"1"}]}`, `{"note":"\u0041\n"}`, `{"unknown":{"deep":[1,{"a":[]}]}}`,
}

// Differences from encoding/json are logged for the documentation. encoding/json itself must have none.
func TestWhatDecodersTreatDifferently(t *testing.T) {
	standard := decoders["encoding/json"]
	for name, decode := range decoders {
		differences := 0
		for _, payload := range differing {
			want, errWant := standard([]byte(payload))
			got, err := decode([]byte(payload))
			if (err == nil) != (errWant == nil) || err == nil && !reflect.DeepEqual(want, got) {
				differences++
				t.Logf("%s: %q: %+v %v, encoding/json %+v %v", name, payload, got, err, want, errWant)
			}
		}
		if name == "encoding/json" {
			assert.Zero(t, differences)
		}
	}
}
