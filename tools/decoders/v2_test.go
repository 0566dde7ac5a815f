//go:build go1.27

package decoders

import jsonv2 "encoding/json/v2"

func init() {
	decoders["encoding/json/v2"] = func(b []byte) (o order, err error) { return o, jsonv2.Unmarshal(b, &o) }
	decoders["encoding/json/v2 any case"] = func(b []byte) (o order, err error) {
		return o, jsonv2.Unmarshal(b, &o, jsonv2.MatchCaseInsensitiveNames(true))
	}
}
