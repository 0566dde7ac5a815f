package jsonscan

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// check scans a text as a whole and returns where it stops being JSON, or −1.
func check(text string) (at int, err error) {
	s := Scanner{Text: text}
	i := s.Value(s.Space(0), 0)
	if i >= 0 {
		i = s.End(i)
	}
	if i >= 0 {
		return -1, nil
	}
	return s.at, s.Err()
}

// begins reports whether a text is JSON or the beginning of some, by encoding/json.
func begins(text string) bool {
	if json.Valid([]byte(text)) {
		return true
	}
	err := json.NewDecoder(strings.NewReader(text)).Decode(new(json.RawMessage))
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// agree holds a scan of the text to encoding/json: what is JSON, where it stops being JSON, and what a string stands
// for.
func agree(t *testing.T, text string) {
	t.Helper()
	at, err := check(text)
	require.Equal(t, json.Valid([]byte(text)), err == nil, "%q: %v", text, err)
	switch {
	case err == nil:
		value := strings.Trim(text, " \t\r\n")
		var decoded any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber() // no number is too large
		require.NoError(t, decoder.Decode(&decoded))
		require.Equal(t, kind(decoded), Kind(value), "%q", text)
		if s, isString := decoded.(string); isString {
			agreeString(t, value, s)
		}
	case strings.Contains(err.Error(), "nested deeper"):
	default:
		require.True(t, begins(text[:at]), "%q: before byte %d it already was no JSON", text, at)
		require.False(t, at < len(text) && begins(text[:at+1]), "%q: at byte %d it still was JSON", text, at)
	}
}

// agreeString holds all ways to read a string to what it stands for.
func agreeString(t *testing.T, quoted, want string) {
	t.Helper()
	s := Scanner{Text: quoted}
	end, special := s.Str(0)
	require.Equal(t, len(quoted), end, "%q", quoted)
	require.Equal(t, want, s.Unquote(0, end), "%q", quoted)
	if !special {
		require.Equal(t, want, quoted[1:end-1], "%q", quoted)
	}
	value, end, valid := s.Unescape(0, []byte("before"))
	require.Equal(t, len(quoted), end, "%q", quoted)
	if valid {
		require.Equal(t, "before"+want, string(value), "%q", quoted)
	} else {
		require.False(t, utf8.ValidString(quoted), "%q", quoted)
	}
}

func kind(v any) string {
	switch v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case nil:
		return "null"
	default:
		return "number"
	}
}

// Every text of a few pieces is JSON if it is for encoding/json, and stops being JSON where it does for that.
func TestEveryShortTextIsJSONIfItIsForEncodingJSON(t *testing.T) {
	for name, c := range map[string]struct {
		longest int
		pieces  string // with blanks between them
	}{
		"numbers":   {5, `0 7 - + . e`},
		"exponents": {5, `1 9 - . E /`},
		"words":     {3, `true false null tru fals nul n t f x 1`},
		"brackets":  {5, `[ ] { } , "a":`},
		"members":   {4, `{"a" : 1 , } "b" :2`},
		"strings":   {4, `" \ a / u00Ff \" \u00g0 \u12`},
	} {
		t.Run(name, func(t *testing.T) {
			pieces := strings.Fields(c.pieces)
			var more func(text string, n int)
			more = func(text string, n int) {
				agree(t, text)
				if n == 0 {
					return
				}
				for _, p := range pieces {
					more(text+p, n-1)
				}
			}
			more("", c.longest)
		})
	}
}

// Strings are scanned eight bytes at a time, so each byte and each escape is tried at each place of them.
func TestEveryByteOfAStringIsWhatItIsForEncodingJSON(t *testing.T) {
	const plain = "abcdefghijklmnopqrst"
	for at := range len(plain) {
		for c := range 256 {
			agree(t, `"`+plain[:at]+string([]byte{byte(c)})+plain[at:]+`"`)
			agree(t, `"`+plain[:at]+`\n`+string([]byte{byte(c)})+plain[at:]+`"`)
			agree(t, `"`+plain[:at]+`\`+string([]byte{byte(c)})+plain[at:]+`"`)
		}
		for _, escape := range []string{`\u0041`, `\u00e9`, `\uD83D\uDE00`, `\ud83d`, `\ude00`, `\ud83d\ud83d`, `\ud83d\n`, `\u`, `\u1`, `\u12`, `\u123`, `\u123g`, "\\u00`0",
			`\uD83D\u`, `\uD83D\uDE0`, `\ud83d\nde00`, "\xe2\x82", "日", "\xed\xa0\x80"} {
			agree(t, `"`+plain[:at]+escape+plain[at:]+`"`)
			agree(t, `"`+plain[:at]+escape+escape+`"`)
			agree(t, `"`+plain[:at]+escape)
		}
	}
}

func TestNestingEndsWhereThatOfEncodingJSONEnds(t *testing.T) {
	for _, depth := range []int{MaxDepth - 1, MaxDepth, MaxDepth + 1} {
		for _, brackets := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
			text := strings.Repeat(brackets[0], depth) + strings.Repeat(brackets[1], depth)
			text = strings.Replace(text, ":}", ":1}", 1)
			agree(t, text)
			_, err := check(text)
			if depth > MaxDepth {
				assert.ErrorContains(t, err, "nested deeper than 10000 levels at byte")
			}
		}
	}
}

// Errors say where, and quote nothing.
func TestErrorsSayWhereATextStopsBeingJSON(t *testing.T) {
	for text, want := range map[string]string{
		``:             "the payload is empty where JSON was expected",
		`{"a":`:        "the JSON is cut short after 5 bytes",
		`{"a":s3cr3t}`: "not JSON at byte 5 of 12",
		`{} s3cr3t`:    "not JSON at byte 3 of 9",
	} {
		_, err := check(text)
		assert.EqualError(t, err, want)
	}
}

func TestKindsHaveTheirArticles(t *testing.T) {
	for value, want := range map[string]string{`{}`: "an object", `[1]`: "an array", `"a"`: "a string", `true`: "a boolean", `false`: "a boolean", `null`: "null", `-1`: "a number"} {
		assert.Equal(t, want, Article(Kind(value)))
	}
}

// encoding/json is the contract: any text at all is JSON, stops being JSON and stands for what it does there.
func FuzzAgainstEncodingJSON(f *testing.F) {
	for _, text := range []string{
		``, ` `, `null`, ` [1 , -2.5e+7, "\u00e9\ud83d\ude00\"\\", true] `, `{"a":{"b":[{}]},"a":null}`, `{"a":1}x`, `"` + strings.Repeat(`x\"`, 200) + `"`,
		"\"\xff\"", `"\ud800"`, `[1,]`, `01`, `-`, strings.Repeat("[", 300), `{"a" 1}`, "\"a\tb\"", "\ufeff{}",
	} {
		f.Add(text)
	}
	f.Fuzz(agree)
}
