//go:build unix

package hostile

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// SPEC S2, E8: what ends a process ends it under troupe, too. The batch has no answer then, so Lambda delivers
// all of it again, to a process that is new, and nothing is lost.
func TestAHandlerThatEndsTheProcessLosesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ do, says string }{
		{"exit", "exit status 3"},
		{"panic-elsewhere", "in a goroutine of its own"},
		{"overflow", "stack overflow"},
		{"hoard", "exit status|out of memory|SIGSEGV"}, // the Go runtime says that it is out of memory, or breaks down before it can
	} {
		for _, name := range []string{"queue", "ordered.fifo"} {
			t.Run(c.do+"/"+name, func(t *testing.T) {
				t.Parallel()
				if c.do == "hoard" && runtime.GOOS != "linux" {
					t.Skip("the limit of a process's data does not cover mapped memory here")
				}
				var config runtimeapi.Config
				if c.do == "hoard" {
					config.Env = []string{memoryLimit + "=536870912"}
				}
				f, said := function(t, config)
				deeds := slices.Repeat([]string{"ok"}, 30)
				deeds[7] = c.do
				deeds[9] = "fail"
				crashes := drained(t, f, lambdasim.Simulation{Timeout: 5 * time.Second}, name, deeds)
				ends := said.String() + strings.Join(crashes, "")
				if c.do == "hoard" { // the runtime may break down so that Lambda's timeout has to end the process
					assert.LessOrEqual(t, len(crashes), 1)
					assert.Regexp(t, c.says, ends)
				} else {
					assert.Len(t, crashes, 1)
					assert.Contains(t, ends, c.says)
				}
				assert.Equal(t, 2, f.Started())
			})
		}
	}
}

// What handlers take, a gigabyte each or a deep stack, is free again when they have returned: the process may
// have four gigabytes, and handles six such records.
func TestWhatHandlersTakeIsFreeWhenTheyHaveReturned(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("the race detector needs more memory than the process may have")
	}
	f, said := function(t, runtimeapi.Config{Env: []string{memoryLimit + "=4294967296", "GOMEMLIMIT=1200MiB"}})
	for range 2 {
		all := append(numbered("h", 3, "hoard"), numbered("r", 3, "recurse")...)
		assert.Empty(t, answered(t, f, patience, all...))
	}
	assert.Equal(t, 1, f.Started())
	assert.Equal(t, []told{{"h0", 6, 0, 0}, {"h0", 6, 0, 0}}, said.reports(), "%s", said)
}

// SPEC D1, D2: handlers that wait for one another for ever hold back nothing but themselves.
func TestHandlersThatLockEachOtherOutAreAbandoned(t *testing.T) {
	t.Parallel()
	f, said := function(t, runtimeapi.Config{Env: []string{timeout + "=1s"}})
	all := []message{{"1", "ok"}, {"2", "lock-ab"}, {"3", "lock-ba"}, {"4", "fail"}, {"5", "lock-ab"}, {"6", "ok"}}
	assert.Equal(t, []string{"2", "3", "4", "5"}, answered(t, f, patience, all...))
	assert.Equal(t, []string{"8"}, answered(t, f, patience, message{"7", "ok"}, message{"8", "fail"}))
	assert.Equal(t, 1, f.Started())
	require.Equal(t, []told{{"1", 2, 3, 3}, {"7", 1, 0, 3}}, said.reports())
}
