package sources

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// texts calls f with every text of at most n of the given pieces.
func texts(n int, pieces []string, f func(string)) {
	var more func(text string, n int)
	more = func(text string, n int) {
		f(text)
		if n > 0 {
			for _, p := range pieces {
				more(text+p, n-1)
			}
		}
	}
	more("", n)
}

// SPEC S6, D6: what is JSON is what encoding/json takes for it, wherever it stands.
func TestD6ValuesAreJSONIfTheyAreForEncodingJSON(t *testing.T) {
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
			texts(c.longest, strings.Fields(c.pieces), func(text string) {
				for _, format := range []string{`{"Records":[{"messageId":"1","x":%s}]}`, `{"x":%s,"Records":[{"messageId":"1"}]}`} {
					payload := fmt.Sprintf(format, text)
					err := scan(payload, &sqsLayout)
					requireWrong(t, payload, err)
				}
			})
		})
	}
	whole := `{ "x" : [ 1 , "\u0041\n" ] , "Records" : [ { "messageId" : "1" , "attributes" : { "a" : "\"b" , "c" : -1.5e+3 } , "body" : "\t" , "y" : { "z" : null } } , { "body" : true } ] }`
	for cut := range whole {
		err := scan(whole[:cut], &sqsLayout)
		if cut == 0 {
			require.EqualError(t, err, "the payload is empty where JSON was expected")
			continue
		}
		requireWrong(t, whole[:cut], err)
		text := whole[:cut] + "\x01" + whole[cut:]
		err = scan(text, &sqsLayout)
		requireWrong(t, text, err)
	}
	for _, space := range []string{" ", "\t", "\r", "\n", "\v", "\f", "\u00a0", "\x1f", "\x00"} {
		for _, format := range []string{`%s{"Records":[{"messageId":"1"}]}`, `{%s"Records":[]}`, `{"Records"%s:[]}`, `{"Records":%s[]}`, `{"Records":[%s]}`,
			`{"Records":[{%s"messageId":"1"}]}`, `{"Records":[{"messageId"%s:"1"}]}`, `{"Records":[{"messageId":%s"1"}]}`, `{"Records":[{"messageId":"1"%s}]}`,
			`{"Records":[{"messageId":"1","attributes":{%s"a"%[1]s:%[1]s"b"%[1]s}%[1]s,%[1]s"x":1}]}`, `{"Records":[]}%s`, `{"Records":[]%s}`} {
			payload := fmt.Sprintf(format, space)
			err := scan(payload, &sqsLayout)
			requireWrong(t, payload, err)
		}
	}
}

// SPEC D6: strings are scanned eight bytes at a time, and unescaped through a buffer of 256; so each byte and each escape
// is tried at each place of them.
func TestD6StringsAreWhatTheyAreForEncodingJSONAtEachPlace(t *testing.T) {
	put := func(value string) {
		sqsSubject().agree(t, []byte(`{"Records":[{"messageId":"1","body":"`+value+`"}]}`))
		sqsSubject().agree(t, []byte(`{"Records":[{"messageId":"1","x":"`+value+`"}]}`))
		sqsSubject().agree(t, []byte(`{"Records":[{"messageId":"1","attributes":{"k":"`+value+`"},"messageAttributes":{"m":{"stringValue":"`+value+`"}}}]}`))
	}
	texts(4, []string{" ", "x", "é", `\n`, `\"`}, put) // which end where there are no eight bytes any more
	const plain = "abcdefghijklmnopqrst"
	for at := range len(plain) {
		for c := range 256 {
			put(plain[:at] + string([]byte{byte(c)}) + plain[at:])
		}
	}
	for _, escape := range []string{`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0041`, `\u00e9`, `\uD83D\uDE00`, `\ud83d`, `\ude00`, `\ud83d\ud83d`, `\ud83d\n`,
		`\x`, `\u`, `\u1`, `\u12`, `\u123`, `\u123g`, `\u000`, `\uG000`, `\u0g00`, `\u00@0`, `\u00:0`, "\\u00`0", "\\u00/0", `\uD83D\u`, `\uD83D\uDE0`, `\ud83d\nde00`, `\ud83dxude00`, "é", "\xff"} {
		for at := range len(plain) {
			put(plain[:at] + escape + plain[at:])
			put(plain[:at] + escape + escape)
		}
		for at := 240; at < 272; at++ {
			put(`\n` + strings.Repeat("x", at) + escape + "y")
			put(strings.Repeat(`\t`, at) + escape + strings.Repeat("z", 20))
		}
	}
}

// scan finds what is wrong with an event whose records may be anything.
func scan(event string, l *layout) error {
	_, err := split([]byte(event), l, func(int, fields) (string, bool, error) { return "1", false, nil })
	return err
}

// requireWrong fails the test unless err says where a text stops being JSON, by encoding/json: behind the longest part
// of it that some JSON begins with. (The offsets in the errors of encoding/json differ from one Go to the next.)
func requireWrong(t *testing.T, text string, err error) {
	t.Helper()
	if json.Valid([]byte(text)) {
		require.NoError(t, err, "%q", text)
		return
	}
	require.Error(t, err, "%q", text)
	at, length := 0, 0
	if n, _ := fmt.Sscanf(err.Error(), "not JSON at byte %d of %d", &at, &length); n == 2 {
		require.Equal(t, len(text), length, "%q", text)
		require.True(t, begins(text[:at]) && !begins(text[:at+1]), "%q: %v", text, err)
		return
	}
	require.EqualError(t, err, fmt.Sprintf("the JSON is cut short after %d bytes", len(text)))
	require.True(t, begins(text), "%q: %v", text, err)
}

// begins reports whether a text is JSON or the beginning of some, by encoding/json.
func begins(text string) bool {
	if json.Valid([]byte(text)) {
		return true
	}
	err := json.NewDecoder(strings.NewReader(text)).Decode(new(json.RawMessage))
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// D3: records are copied to pieces, each of which a handler that keeps a string keeps alive. So a piece has no more than it
// is to have, or than its one record needs.
func TestD3APieceHasNoMoreThanItIsToHave(t *testing.T) {
	for _, size := range []int{10, 1000, 3 * pieceSize} {
		record := `{"messageId":"1","body":"` + strings.Repeat(`\"`, size/2) + `"}`
		x, err := split([]byte(`{"Records":[`+strings.Repeat(record+",", 99)+record+`]}`), &sqsLayout, func(int, fields) (string, bool, error) { return "1", false, nil })
		require.NoError(t, err)
		most := max(pieceSize, len(record)+size/2)
		for _, part := range x.parts {
			for i, piece := range part.pieces {
				require.LessOrEqual(t, len(piece), most+most/4, "piece %d of %d", i, len(part.pieces)) // the allocator rounds up
			}
		}
	}
}
