package page_test

import (
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// seen is what a reader of the timeline has before him: the time in view, in milliseconds, and the tooltip.
type seen struct {
	From, To float64
	Tip      string
}

// The timeline opens on the first burst, and zooming keeps the bar that the reader has chosen, with its tooltip, in view.
func TestTheTimelineOpensOnTheFirstBurstAndZoomsAroundTheKeptBar(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed")
	}
	out, err := exec.Command(node, "testdata/timeline.cjs").CombinedOutput()
	require.NoError(t, err, "%s", out)
	views := map[string]seen{}
	require.NoError(t, json.Unmarshal(out, &views), "%s", out)

	// Three bursts of 99 ms, a second apart: at first only the first one is in view.
	for _, name := range []string{"opened", "burst"} {
		assert.Zero(t, views[name].From, name)
		assert.InDelta(t, 101.5, views[name].To, 1, name)
		assert.Empty(t, views[name].Tip, name)
	}
	assert.Equal(t, seen{To: 2099}, views["whole"])

	// Failure › goes to the bar from 35 to 39 ms. Four times + keeps it in view, closer, and so its tooltip.
	next, zoomed := views["next"], views["zoomed"]
	assert.Contains(t, next.Tip, "m7")
	assert.Contains(t, next.Tip, "failed after 4 ms")
	assert.Equal(t, next.Tip, zoomed.Tip)
	for name, v := range map[string]seen{"next": next, "zoomed": zoomed, "back": views["back"]} {
		assert.Less(t, v.From, 39.0, name)
		assert.Greater(t, v.To, 35.0, name)
		assert.Equal(t, next.Tip, v.Tip, name)
	}
	assert.Less(t, zoomed.From, 37.0)
	assert.Greater(t, zoomed.To, 37.0, "the middle of the bar stays in view")

	// Out of view the bar has no tooltip; + brings both back.
	assert.Greater(t, views["panned"].From, 39.0)
	assert.Empty(t, views["panned"].Tip)
	assert.Empty(t, views["none"].Tip)
}
