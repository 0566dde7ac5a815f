package docs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// limit is a row of docs/limits.md.
type limit struct{ what, number, page, day, code string }

func limits(t *testing.T) (rows []limit) {
	t.Helper()
	text, err := os.ReadFile("limits.md")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Limit") {
			continue
		}
		require.Len(t, cells, 5, line)
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
			require.NotEmpty(t, cells[i], line)
		}
		rows = append(rows, limit{cells[0], cells[1], cells[2], cells[3], cells[4]})
	}
	return rows
}

// Each limit of AWS has its page and the day when it was read, and the code has the same number.
func TestLimitsHaveAPageADayAndTheNumberOfTheCode(t *testing.T) {
	var code string
	for _, file := range []string{
		"../cmd/demo/plan/aws.go", "../lambdasim/mapping.go", "../lambdasim/queue.go", "../lambdasim/scaling.go", "../lambdasim/window.go",
	} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		code += string(text)
	}
	rows := limits(t)
	require.Greater(t, len(rows), 15)
	number := regexp.MustCompile(`[0-9][0-9,]*`)
	for _, l := range rows {
		assert.Contains(t, l.page, "](https://docs.aws.amazon.com/", l.what)
		_, err := time.Parse(time.DateOnly, l.day)
		assert.NoError(t, err, l.what)
		for _, name := range codeSpan.FindAllStringSubmatch(l.code, -1) {
			declared := regexp.MustCompile(`(?m)^.*\b`+name[1]+`\b.*=.*$`).FindAllString(code, -1)
			require.NotEmpty(t, declared, "%s: no code declares %s", l.what, name[1])
			wanted := number.FindAllString(l.number, -1)
			for _, line := range declared {
				found := false
				for _, n := range wanted {
					found = found || regexp.MustCompile(`\b`+strings.ReplaceAll(n, ",", "_?")+`\b`).MatchString(line)
				}
				assert.True(t, found, "%s: %q, and the code has %s", l.what, l.number, strings.TrimSpace(line))
			}
		}
	}
}
