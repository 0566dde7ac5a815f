package kpl_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/kpl"
)

// manyUsers is an event with a quarter of a million user records of ten bytes in 5.3 MB, as full as a batch of aggregates
// can be.
func manyUsers() []byte {
	const aggregates, each = 25, 10_000
	var data []string
	for range aggregates {
		var message strings.Builder
		for k := range 100 {
			message.WriteString(bytesField(1, fmt.Sprintf("k-%02d", k)))
		}
		for i := range each {
			message.WriteString(bytesField(3, number(1, uint64(i%100))+bytesField(3, "0123456789")))
		}
		data = append(data, sealed(message.String()))
	}
	return document(data...)
}

// eventFile names the file with the event for the process that TestAFullBatchOfAggregatesFitsInMemory starts.
const eventFile = "KPL_TEST_EVENT"

// The most memory that a process has had, with Go's own settings, for a no-op handler: 128 MB is the smallest function.
func TestAFullBatchOfAggregatesFitsInMemory(t *testing.T) {
	if runtime.GOOS != "linux" || underRace {
		t.Skip("needs /proc and a process without the race detector")
	}
	if path := os.Getenv(eventFile); path != "" {
		handleOnce(t, path)
		return
	}
	event := manyUsers()
	require.InDelta(t, 5.35e6, len(event), 0.1e6)
	path := filepath.Join(t.TempDir(), "event.json")
	require.NoError(t, os.WriteFile(path, event, 0o600))
	var out bytes.Buffer
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), eventFile+"="+path)
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Run(), "%s", &out)
	peak := regexp.MustCompile(`(\d+) records, VmHWM:\s+(\d+) kB`).FindStringSubmatch(out.String())
	require.NotNil(t, peak, "%s", &out)
	assert.Equal(t, "250000", peak[1])
	kB, err := strconv.Atoi(peak[2])
	require.NoError(t, err)
	t.Logf("VmHWM: %d MB", kB/1000)
	assert.Less(t, kB, 110_000)
}

func handleOnce(t *testing.T, path string) {
	event, err := os.ReadFile(path)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	handled := make(chan int, 1)
	handled <- 0
	_, err = kpl.Kinesis(func(context.Context, kpl.UserRecord) error {
		handled <- <-handled + 1
		return nil
	}).Invoke(ctx, event)
	require.NoError(t, err)
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	fmt.Printf("%d records, %s\n", <-handled, regexp.MustCompile(`VmHWM:.*`).Find(status))
}
