package batch

import (
	"fmt"
	"hash/fnv"
	"strconv"
)

const textLimit = 300

// Text is an error in at most a few hundred bytes, for logs and reports. It survives an Error method that
// panics, and a nil error.
func Text(err error) string {
	return bounded(fmt.Sprint(err), textLimit)
}

// bounded is text in at most limit bytes and a mark of what is missing.
func bounded(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && text[limit]&0xC0 == 0x80 { // not inside a rune
		limit--
	}
	return text[:limit] + "…"
}

// GroupHash stands for a group in logs, reports and the like, since groups may be item keys (SPEC S9): the
// same for the same group, and "" for none.
func GroupHash(group string) string {
	if group == "" {
		return ""
	}
	h := fnv.New64a()
	h.Write([]byte(group))
	return strconv.FormatUint(h.Sum64(), 16)
}
