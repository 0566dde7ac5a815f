package jsonfault_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/internal/jsonfault"
)

const secret = "s3cr3t"

// quoting refuses whatever it reads, and quotes it.
type quoting struct{}

func (*quoting) UnmarshalJSON(b []byte) error { return fmt.Errorf("what is %s?", b) }

// pretending returns what it reads in an error of encoding/json.
type pretending struct{}

func (*pretending) UnmarshalJSON(b []byte) error {
	return &json.UnmarshalTypeError{Value: string(b), Type: reflect.TypeFor[int](), Struct: string(b), Field: string(b), Offset: 3}
}

// panicking panics with what it reads.
type panicking struct{}

func (panicking) UnmarshalText(b []byte) error { panic(string(b)) }

// spelled is a key of a map that quotes what it reads.
type spelled string

func (*spelled) UnmarshalText(b []byte) error { return errors.New("bad key " + string(b)) }

type Base struct {
	ID   int `json:"id"`
	Name string
}

type Other struct {
	Name string // hides Base's, and is hidden by it
	Deep struct {
		Base
		Flag bool `json:"flag"`
	}
}

type hidden struct{ Unreachable int }

type whole struct {
	*Base
	Other
	*hidden
	Text   string      `json:"text"`
	Small  int8        `json:"small"`
	Un     uint        `json:"un"`
	Float  float32     `json:"float"`
	Bool   *bool       `json:"bool"`
	Number json.Number `json:"number"`
	Quoted int         `json:"quoted,string"`
	QText  *string     `json:"qtext,string"`
	//lint:ignore SA5008 encoding/json ignores the option here, and so must the walk
	NotQ    []int                           `json:"notq,string"`
	Time    time.Time                       `json:"time"`
	Bytes   []byte                          `json:"bytes"`
	Big     *big.Int                        `json:"big"`
	IP      *netip.Addr                     `json:"ip"`
	Raw     []json.RawMessage               `json:"raw"`
	Keys    map[int8]string                 `json:"keys"`
	Spelled map[spelled]int                 `json:"spelled"`
	Times   map[time.Time]bool              `json:"times"`
	Nested  map[string]map[string][]*Base   `json:"nested"`
	Pair    [2]int                          `json:"pair"`
	Any     any                             `json:"any"`
	Face    fmt.Stringer                    `json:"face"`
	Func    func()                          `json:"func"`
	Own     quoting                         `json:"own"`
	Pretend **pretending                    `json:"pretend"`
	Panic   panicking                       `json:"panic"`
	Self    *whole                          `json:"self"`
	Wholes  map[string]whole                `json:"wholes"`
	Points  []struct{ X, Y int }            `json:"points"`
	Skipped int                             `json:"-"`
	Odd     map[string]map[spelled]struct{} `json:"odd"`
}

// These hold for every version of Go: what is wrong is described in troupe's words, and nothing of the text with it.
// The cases are hostile ones: keys of maps at each depth, unmarshalers that quote or panic, embedded structs, and
// values in strings.
func TestWhatIsWrongIsToldInOurOwnWords(t *testing.T) {
	const t0 = "jsonfault_test."
	for text, want := range map[string]string{
		`"` + secret + `"`:                                    `string where ` + t0 + `whole was expected (at byte 0)`,
		` [1]`:                                                `array where ` + t0 + `whole was expected (at byte 1)`,
		`{"text":7}`:                                          `text: number where string was expected (at byte 8)`,
		`{"TEXT":{"` + secret + `":1}}`:                       `text: object where string was expected (at byte 8)`,
		`{"small":"` + secret + `"}`:                          `small: string where int8 was expected (at byte 9)`,
		`{"small":1234}`:                                      `small: number out of range where int8 was expected (at byte 9)`,
		`{"small":1.5}`:                                       `small: number of another form where int8 was expected (at byte 9)`,
		`{"small":1e2}`:                                       `small: number of another form where int8 was expected (at byte 9)`,
		`{"un":-1}`:                                           `un: number of another form where uint was expected (at byte 6)`,
		`{"float":1e39}`:                                      `float: number out of range where float32 was expected (at byte 9)`,
		`{"bool":"true"}`:                                     `bool: string where bool was expected (at byte 8)`,
		`{"number":"` + secret + `"}`:                         `number: string where json.Number was expected (at byte 10)`,
		`{"quoted":"` + secret + `"}`:                         `quoted: string of another form where int was expected (at byte 10)`,
		`{"quoted":4711}`:                                     `quoted: number where a string that holds int was expected (at byte 10)`,
		`{"qtext":"` + secret + `"}`:                          `qtext: string of another form where string was expected (at byte 9)`,
		`{"notq":["` + secret + `"]}`:                         `notq[0]: string where int was expected (at byte 9)`,
		`{"time":"` + secret + `"}`:                           `time: string that its UnmarshalJSON refuses where time.Time was expected (at byte 8)`,
		`{"bytes":"` + secret + `!"}`:                         `bytes: string that is not base64 where []uint8 was expected (at byte 9)`,
		`{"bytes":[1,256]}`:                                   `bytes[1]: number out of range where uint8 was expected (at byte 12)`,
		`{"big":"` + secret + `"}`:                            `big: string that its UnmarshalJSON refuses where big.Int was expected (at byte 7)`,
		`{"ip":"` + secret + `"}`:                             `ip: string that its UnmarshalText refuses where netip.Addr was expected (at byte 6)`,
		`{"ip":4711}`:                                         `ip: number where netip.Addr was expected (at byte 6)`,
		`{"raw":"` + secret + `"}`:                            `raw: string where []json.RawMessage was expected (at byte 7)`,
		`{"keys":{"` + secret + `":"a"}}`:                     `keys.*: key of another form where int8 was expected (at byte 9)`,
		`{"keys":{"1":"a","4711":"b"}}`:                       `keys.*: key of another form where int8 was expected (at byte 17)`,
		`{"keys":{"1":["` + secret + `"]}}`:                   `keys.*: array where string was expected (at byte 13)`,
		`{"spelled":{"` + secret + `":1}}`:                    `spelled.*: key that its UnmarshalText refuses where ` + t0 + `spelled was expected (at byte 12)`,
		`{"times":{"` + secret + `":true}}`:                   `times.*: key that its UnmarshalText refuses where time.Time was expected (at byte 10)`,
		`{"odd":{"` + secret + `":{"` + secret + `":{}}}}`:    `odd.*.*: key that its UnmarshalText refuses where ` + t0 + `spelled was expected (at byte 18)`,
		`{"nested":{"` + secret + `":"` + secret + `"}}`:      `nested.*: string where map[string][]*` + t0 + `Base was expected (at byte 20)`,
		`{"nested":{"` + secret + `":{"` + secret + `":{}}}}`: `nested.*.*: object where []*` + t0 + `Base was expected (at byte 30)`,
		`{"nested":{"` + secret + `":{"` + secret + `":[null,{"id":"x"}]}}}`:    `nested.*.*[1].id: string where int was expected (at byte 42)`,
		`{"wholes":{"` + secret + `":{"wholes":{"` + secret + `":{"un":""}}}}}`: `wholes.*.wholes.*.un: string where uint was expected (at byte 46)`,
		`{"any":{"` + secret + `":[1,1e400]}}`:                                  `any.*[1]: number out of range where float64 was expected (at byte 20)`,
		`{"face":{}}`:                                                           `face: object where fmt.Stringer was expected (at byte 8)`,
		`{"func":"` + secret + `"}`:                                             `func: string where func() was expected (at byte 8)`,
		`{"own":{"` + secret + `":1}}`:                                          `own: object that its UnmarshalJSON refuses where ` + t0 + `quoting was expected (at byte 7)`,
		`{"own":null}`:                                                          `own: null that its UnmarshalJSON refuses where ` + t0 + `quoting was expected (at byte 7)`,
		`{"pretend":["` + secret + `"]}`:                                        `pretend: array that its UnmarshalJSON refuses where ` + t0 + `pretending was expected (at byte 11)`,
		`{"panic":"` + secret + `"}`:                                            `panic: string that its UnmarshalText refuses where ` + t0 + `panicking was expected (at byte 9)`,
		`{"panic":[]}`:                                                          `panic: array where ` + t0 + `panicking was expected (at byte 9)`,
		`{"self":{"self":{"text":true}}}`:                                       `self.self.text: boolean where string was expected (at byte 24)`,
		`{"points":[{"X":1},{"x":0,"y":"` + secret + `"}]}`:                     `points[1].Y: string where int was expected (at byte 30)`,
		`{"pair":[1,"` + secret + `"]}`:                                         `pair[1]: string where int was expected (at byte 11)`,
		`{"id":"` + secret + `"}`:                                               `id: string where int was expected (at byte 6)`,
		`{"Deep":{"id":"` + secret + `"}}`:                                      `Deep.id: string where int was expected (at byte 14)`,
		`{"Deep":{"flag":0}}`:                                                   `Deep.flag: number where bool was expected (at byte 16)`,
		`{"Unreachable":1}`:                                                     `Unreachable: number of an embedded pointer to an unexported type where int was expected (at byte 15)`,
		``:                                                                      `empty where JSON was expected (at byte 0)`,
		" \n":                                                                   `empty where JSON was expected (at byte 0)`,
		secret:                                                                  `not JSON (at byte 0)`,
		`{"text":"` + secret:                                                    `JSON is cut short (at byte 15)`,
		`{"text":"\` + secret + `"}`:                                            `not JSON (at byte 10)`,
		`{"text":1,}`:                                                           `not JSON (at byte 10)`,
		`{}{}`:                                                                  `more after the JSON value (at byte 2)`,
		`{} ` + secret:                                                          `more after the JSON value (at byte 3)`,
		"\xff" + secret:                                                         `not JSON (at byte 0)`,
		"{\"text\":\"a\nb\"}":                                                   `not JSON (at byte 10)`,
		`{"text":1`:                                                             `JSON is cut short (at byte 9)`,
		`{"text" 1}`:                                                            `not JSON (at byte 8)`,
		`{"text":01}`:                                                           `not JSON (at byte 9)`,
		`{"text":-}`:                                                            `not JSON (at byte 9)`,
		`{"text":1.}`:                                                           `not JSON (at byte 10)`,
		`{"text":1e}`:                                                           `not JSON (at byte 10)`,
		`{"text":tru}`:                                                          `not JSON (at byte 11)`,
		`[1,2`:                                                                  `JSON is cut short (at byte 4)`,
		`"\u12g4"`:                                                              `not JSON (at byte 5)`,
		strings.Repeat("[", 10001):                                              `nested deeper than 10000 levels (at byte 10000)`,
	} {
		f := jsonfault.Find([]byte(text), reflect.TypeFor[whole](), false)
		if !assert.NotNil(t, f, "%.99s", text) {
			continue
		}
		assert.Equal(t, want, f.Error(), "%.99s", text)
		assert.NotContains(t, f.Error(), secret)
		assert.Error(t, unmarshal([]byte(text), new(whole)))
		if !strings.Contains(text, "panic") {
			assert.Equal(t, f.Error(), jsonfault.Unmarshal([]byte(text), new(whole), false).Error())
		}
	}
}

func unmarshal(text []byte, into any) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return json.Unmarshal(text, into)
}

func TestWhatCanBeDecodedHasNoFault(t *testing.T) {
	for _, text := range []string{
		`{}`, `null`, ` {"text":"a","TEXT":"b","small":-128,"un":0,"float":1e3,"bool":null,"number":1.5e9,"quoted":"7","qtext":"\"a\"","notq":[1]} `,
		`{"time":"2026-01-02T03:04:05Z","bytes":"YQ==","big":123456789012345678901,"ip":"::1","raw":[1,"a",{}],"keys":{"1":"a","-128":"b"},"times":{"2026-01-02T03:04:05Z":true}}`,
		`{"nested":{"a":{"b":[{"id":1},null]}},"pair":[1,2,"beyond the end"],"any":{"a":[1,"b",true,null,{}]},"self":{"self":null},"wholes":{"a":{}},"points":[{"x":1}]}`,
		`{"Name":7,"what":["ever"],"Skipped":"a","-":"b","pretend":null,"panic":null,"text":"\ud800","bytes":[1,2,3],"number":"1","face":null,"func":null,"hidden":7}`,
	} {
		require.NoError(t, unmarshal([]byte(text), new(whole)), text)
		assert.Nil(t, jsonfault.Find([]byte(text), reflect.TypeFor[whole](), false), text)
	}
}

func TestStrictlyUnknownFieldsAreFaults(t *testing.T) {
	for text, want := range map[string]string{
		`{"text":"","` + secret + `":1}`:                             `a field that jsonfault_test.whole does not have (at byte 11)`,
		`{"nested":{"` + secret + `":{"a":[{"` + secret + `":1}]}}}`: `nested.*.*[0]: a field that jsonfault_test.Base does not have (at byte 27)`,
		`{"Name":""}`: `a field that jsonfault_test.whole does not have (at byte 1)`,
	} {
		f := jsonfault.Find([]byte(text), reflect.TypeFor[whole](), true)
		if assert.NotNil(t, f, text) {
			assert.Equal(t, want, f.Error())
		}
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		require.Error(t, d.Decode(new(whole)))
		assert.Equal(t, f.Error(), jsonfault.Unmarshal([]byte(text), new(whole), true).Error())
	}
	for _, text := range []string{`{"text":"a","Id":1,"Deep":{"FLAG":true}}`, " {\"text\":\"a\"} \n"} {
		assert.Nil(t, jsonfault.Find([]byte(text), reflect.TypeFor[whole](), true))
		w := whole{Base: new(Base)}
		assert.Nil(t, jsonfault.Unmarshal([]byte(text), &w, true))
		assert.Equal(t, "a", w.Text)
	}
	assert.EqualError(t, jsonfault.Unmarshal([]byte(`{} `+secret), new(whole), true), "more after the JSON value (at byte 3)")
}

// The rules of the walk are encoding/json's: it finds a fault exactly where that refuses the text.
func FuzzFind(f *testing.F) {
	for _, text := range []string{
		`{"text":"a","small":1,"un":2,"float":1.5,"bool":true,"number":1,"quoted":"7","qtext":"\"a\"","time":"2026-01-02T03:04:05Z","bytes":"YQ==","big":12,"ip":"::1"}`,
		`{"raw":[1],"keys":{"1":"a"},"times":{"2026-01-02T03:04:05Z":true},"nested":{"a":{"b":[{"id":1},null]}},"pair":[1,2],"any":[{"a":1e9}],"self":{"id":1},"wholes":{"a":{}},"points":[{"x":1}],"Name":1,"Deep":{"flag":true}}`,
		`{"own":1}`, `{"pretend":1}`, `{"panic":"1"}`, `{"spelled":{"a":1}}`, `{"Unreachable":1}`, `{"face":1,"func":1}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, into := range []reflect.Type{reflect.TypeFor[whole](), reflect.TypeFor[map[string]whole](), reflect.TypeFor[[]any](), reflect.TypeFor[map[netip.Addr][]int]()} {
			found := jsonfault.Find(text, into, false)
			err := unmarshal(text, reflect.New(into).Interface())
			if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && position(syntax, text) >= 0 {
				require.Equal(t, position(syntax, text), found.Offset, "%v", err)
			}
			require.Equal(t, err != nil, found != nil, "%v: %v, %v", into, err, found)
			if found != nil {
				require.LessOrEqual(t, found.Offset, len(text))
			}
		}
	})
}

// position returns where a text stops being JSON by Go 1.26, and −1 for later versions, whose positions differ.
func position(err *json.SyntaxError, text []byte) int {
	switch {
	case reflect.TypeFor[json.RawMessage]().String() != "json.RawMessage":
		return -1
	case len(bytes.TrimLeft(text, " \t\r\n")) == 0:
		return 0
	case err.Error() == "unexpected end of JSON input", // or the blank that encoding/json tries at the end
		int(err.Offset) == len(text) && strings.Contains(err.Error(), "' '") && text[len(text)-1] != ' ':
		return len(text)
	case err.Error() == "exceeded max depth":
		return int(err.Offset)
	default:
		return int(err.Offset) - 1
	}
}

// The position of a mistake is that which encoding/json names in Go 1.26.
func TestMistakesAreWhereTheyAre(t *testing.T) {
	pieces := strings.Fields(`" \ a \u00Ff \u00g0 [ ] { } , : 0 7 - + . e true fals n`)
	var try func(text string, more int)
	try = func(text string, more int) {
		f := jsonfault.Syntax([]byte(text))
		err := json.Unmarshal([]byte(text), new(any))
		syntax, wrong := errors.AsType[*json.SyntaxError](err)
		require.Equal(t, wrong, f != nil, "%s: %v", text, err)
		if wrong && position(syntax, []byte(text)) >= 0 {
			require.Equal(t, position(syntax, []byte(text)), f.Offset, "%s: %v", text, err)
		}
		for _, p := range pieces {
			if more > 0 {
				try(text+p, more-1)
			}
		}
	}
	try("", 4)
	try(`{"a":`, 3)
	try(`{"a":1`, 3)
}

// Deep and long texts are gone through once.
func TestDeepAndLongTexts(t *testing.T) {
	for text, offset := range map[string]int{
		strings.Repeat(`{"self":`, 9999) + `7` + strings.Repeat("}", 9999): 9999 * len(`{"self":`),
		`{"points":[` + strings.Repeat(`{"x":1},`, 30_000) + `7]}`:         len(`{"points":[`) + 30_000*len(`{"x":1},`),
		`{"any":[` + strings.Repeat(`1,`, 100_000) + `1e400]}`:             len(`{"any":[`) + 100_000*len(`1,`),
	} {
		f := jsonfault.Find([]byte(text), reflect.TypeFor[whole](), false)
		require.NotNil(t, f, "%.20s", text)
		assert.Equal(t, offset, f.Offset)
	}
}

func TestARefusalIsKeptApart(t *testing.T) {
	f := jsonfault.Find([]byte(`{"own":"`+secret+`"}`), reflect.TypeFor[whole](), false)
	require.NotNil(t, f)
	assert.ErrorContains(t, f.Refusal, secret, "it is what must not be printed")
	assert.False(t, bytes.Contains([]byte(f.Error()), []byte(secret)))
	assert.Equal(t, "string", f.Kind)
	assert.Equal(t, reflect.TypeFor[quoting](), f.Type)
}
