package page_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type colour [3]float64 // from 0 to 1

// schemes are the colours of the page by their names, in the light and in the dark scheme.
func schemes(t *testing.T) map[string]map[string]colour {
	t.Helper()
	css, err := os.ReadFile("page.css")
	require.NoError(t, err)
	light, dark, found := strings.Cut(string(css), "@media (prefers-color-scheme: dark)")
	require.True(t, found)
	dark, _, _ = strings.Cut(dark, "box-sizing")
	return map[string]map[string]colour{"light": coloursOf(t, light), "dark": coloursOf(t, dark)}
}

func coloursOf(t *testing.T, css string) map[string]colour {
	t.Helper()
	colours := map[string]colour{}
	for _, match := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6});`).FindAllStringSubmatch(css, -1) {
		n, err := strconv.ParseUint(match[2], 16, 32)
		require.NoError(t, err)
		colours[match[1]] = colour{float64(n>>16) / 255, float64(n>>8&255) / 255, float64(n&255) / 255}
	}
	return colours
}

// contrast is that of WCAG 2, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
func contrast(a, b colour) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(c colour) float64 {
	linear := func(v float64) float64 {
		if v <= .04045 {
			return v / 12.92
		}
		return math.Pow((v+.055)/1.055, 2.4)
	}
	return .2126*linear(c[0]) + .7152*linear(c[1]) + .0722*linear(c[2])
}

// over is a colour of some opacity on another.
func over(c colour, opacity float64, ground colour) (mixed colour) {
	for i := range c {
		mixed[i] = c[i]*opacity + ground[i]*(1-opacity)
	}
	return mixed
}

// opacity is a constant of the script.
func opacity(t *testing.T, name string) float64 {
	t.Helper()
	script, err := os.ReadFile("timeline.js")
	require.NoError(t, err)
	match := regexp.MustCompile(`\b` + name + ` = (\.\d+)`).FindStringSubmatch(string(script))
	require.NotNil(t, match, name)
	n, err := strconv.ParseFloat(match[1], 64)
	require.NoError(t, err)
	return n
}

// WCAG 2: text has a contrast of 4.5, and what a graphic is read by of 3, in both schemes.
func TestContrast(t *testing.T) {
	both := schemes(t)
	require.ElementsMatch(t, keysOf(both["light"]), keysOf(both["dark"]), "a colour in one scheme and not in the other")
	for scheme, c := range both {
		for _, ground := range []string{"page", "panel"} { // panel lies under the row that is pointed at
			for _, name := range []string{"ink", "muted", "link", "pass", "bad"} {
				assert.GreaterOrEqual(t, contrast(c[name], c[ground]), 4.5, "%s: text in %s on %s", scheme, name, ground)
			}
			for _, name := range []string{"ok", "fail", "panic", "exit", "abandoned", "edge"} {
				assert.GreaterOrEqual(t, contrast(c[name], c[ground]), 3.0, "%s: %s on %s", scheme, name, ground)
			}
			faintest := over(c["ok"], opacity(t, "FAINTEST"), c[ground])
			assert.GreaterOrEqual(t, contrast(faintest, c[ground]), 3.0, "%s: the least busy pixel on %s", scheme, ground)
			link := over(c["ink"], opacity(t, "LINK"), c[ground])
			assert.GreaterOrEqual(t, contrast(link, c[ground]), 3.0, "%s: a line between attempts on %s", scheme, ground)
		}
		for _, name := range []string{"fail", "panic", "exit"} {
			assert.GreaterOrEqual(t, contrast(c["on"], c[name]), 4.5, "%s: text and sign on %s", scheme, name)
		}
		assert.GreaterOrEqual(t, contrast(c["on-ok"], c["ok"]), 4.5, "%s: text on ok", scheme)
		assert.GreaterOrEqual(t, contrast(c["page"], c["pass"]), 3.0, "%s: the sign of the verdict", scheme)
		assert.GreaterOrEqual(t, contrast(c["page"], c["bad"]), 3.0, "%s: the sign of the verdict", scheme)
	}
	assert.InDelta(t, 21, contrast(colour{}, colour{1, 1, 1}), .001)
	assert.InDelta(t, 4.54, contrast(colour{1, 1, 1}, colour{118. / 255, 118. / 255, 118. / 255}), .01, "#767676, a known value")
}

func keysOf(m map[string]colour) (keys []string) {
	for key := range m {
		keys = append(keys, key)
	}
	return keys
}
