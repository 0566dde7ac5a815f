package imports_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../../.."

// program builds a program of two packages, main and early, in a module of its own whose path comes before that of
// troupe: of packages that do not import each other, Go initializes early first.
func program(t *testing.T, main, early string) (binary string) {
	t.Helper()
	library, err := filepath.Abs(root)
	require.NoError(t, err)
	needs, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	mod := regexp.MustCompile(`(?m)^module .*$`).ReplaceAllString(string(needs), "module example.com/program")
	mod += "\nrequire github.com/troupe-go/troupe v0.0.0\n\nreplace github.com/troupe-go/troupe => " + strconv.Quote(filepath.ToSlash(library)) + "\n"
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "early"), 0o755))
	for name, text := range map[string]string{"go.mod": mod, "go.sum": string(sums), "main.go": main, "early/early.go": early} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	binary = filepath.Join(dir, "program")
	build := exec.Command("go", slices.Concat([]string{"build", "-mod=mod"}, raceFlag, []string{"-o", binary, "."})...)
	build.Dir = dir
	build.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return binary
}

// run runs a program that has to end well, and returns what it prints.
func run(t *testing.T, binary string, variables ...string) (stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), variables...)
	var out, log strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &log
	require.NoError(t, cmd.Run(), "%s%s", &out, &log)
	return out.String(), log.String()
}

// batches is the part of a program that runs batches: of a standard and a FIFO queue, with failures, panics and retries.
const batches = `
func batch(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	handle := func(ctx context.Context, m events.SQSMessage) error {
		during()
		switch m.Body {
		case "fail":
			return errors.New("failed")
		case "panic":
			panic("panicked")
		}
		return nil
	}
	p := troupe.SQS(handle, troupe.WithConcurrency(8), troupe.WithRetry(troupe.Retry{Times: 1, Backoff: func(int) time.Duration { return time.Millisecond }}), troupe.WithPolicy(troupe.StopGroup))
	for _, queue := range []string{"orders", "orders.fifo"} {
		var event events.SQSEvent
		for i := range 100 {
			m := events.SQSMessage{MessageId: fmt.Sprint(i), EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:" + queue, Body: "ok",
				Attributes: map[string]string{"MessageGroupId": fmt.Sprint(i % 10)}}
			switch i {
			case 95:
				m.Body = "fail"
			case 96:
				m.Body = "panic"
			}
			event.Records = append(event.Records, m)
		}
		began := time.Now()
		response, err := p.Process(ctx, event)
		if err != nil || fmt.Sprint(response.BatchItemFailures) != "[{95} {96}]" {
			fmt.Fprintln(os.Stderr, name, queue, response, err)
			os.Exit(1)
		}
		if took := time.Since(began); took > 10*time.Second {
			fmt.Fprintln(os.Stderr, name, queue, "took", took)
			os.Exit(1)
		}
	}
}
`

const batchImports = `
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"
`

// cmap.SHARD_COUNT is the program's to set: as it is initialized, before its first batch, between batches and in handlers.
// From the first batch on that is a race, with protoactor's reads: the last actors of a batch are removed after its
// response. So the race detector sees what comes before.
func TestAProgramMaySetTheNumberOfShards(t *testing.T) {
	binary := program(t, `package main

import (`+batchImports+`
	cmap "github.com/orcaman/concurrent-map"

	_ "example.com/program/early"
)

var odd bool

// during runs in each handler.
func during() {
	if odd {
		cmap.SHARD_COUNT = 7
	}
}

func main() {
	cmap.SHARD_COUNT++
	batch("at first")
	if os.Getenv("ODD") != "" {
		for _, n := range []int{1, 7, 256, 32} {
			cmap.SHARD_COUNT = n
			batch(fmt.Sprint(n))
		}
		odd = true
		batch("in a handler")
	}
	fmt.Print("done")
}
`+batches, `package early

import (
	"os"
	"strconv"

	cmap "github.com/orcaman/concurrent-map"
)

func init() {
	if n, err := strconv.Atoi(os.Getenv("SHARDS")); err == nil {
		cmap.SHARD_COUNT = n
	}
}
`)
	for _, shards := range []string{"", "1", "7", "1000"} {
		variables := []string{"SHARDS=" + shards}
		if raceFlag == nil {
			variables = append(variables, "ODD=1")
		}
		out, _ := run(t, binary, variables...)
		assert.Equal(t, "done", out)
	}
}

// A package that is initialized before troupe's may have started goroutines that use such maps.
func TestGoroutinesOfAnEarlierInitializationMayUseTheMaps(t *testing.T) {
	binary := program(t, `package main

import (`+batchImports+`
	"example.com/program/early"
)

func during() {}

func main() {
	for i := range 20 {
		batch(fmt.Sprint(i))
	}
	fmt.Print(early.Wrong())
}
`+batches, `package early

import (
	"fmt"
	"sync/atomic"
	"time"

	cmap "github.com/orcaman/concurrent-map"
)

var wrong atomic.Int64

// Wrong returns how often a map did not do what it should.
func Wrong() int64 { return wrong.Load() }

func init() {
	started := make(chan struct{})
	for i := range 4 {
		go func() {
			for n := 0; ; n++ {
				m := cmap.New()
				for k := range 100 {
					m.Set(fmt.Sprint(i, k), n)
				}
				for k := range 100 {
					if v, ok := m.Get(fmt.Sprint(i, k)); !ok || v != n {
						wrong.Add(1)
					}
				}
				if m.Count() != 100 {
					wrong.Add(1)
				}
				if n == 0 {
					started <- struct{}{}
				}
				if n > 100 {
					time.Sleep(time.Millisecond) // the batches need the processor, too
				}
			}
		}()
	}
	for range 4 {
		<-started
	}
}
`)
	out, _ := run(t, binary)
	assert.Equal(t, "0", out)
}

// An import of troupe starts no goroutine and makes no actor system, and neither does a processor without batches.
func TestAnImportHasNoEffects(t *testing.T) {
	binary := program(t, `package main

import (
	"context"
	"fmt"
	"runtime"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe"

	"example.com/program/early"
)

func main() {
	goroutines := runtime.NumGoroutine()
	troupe.SQS(func(context.Context, events.SQSMessage) error { return nil })
	fmt.Print(early.Goroutines, " ", goroutines, " ", runtime.NumGoroutine(), " ", early.Shards())
}
`, `package early

import (
	"runtime"

	cmap "github.com/orcaman/concurrent-map"
)

var (
	// Goroutines is how many there are before troupe is initialized.
	Goroutines = runtime.NumGoroutine()

	shards = cmap.SHARD_COUNT
)

// Shards reports whether the number of shards is what it was.
func Shards() bool { return shards == cmap.SHARD_COUNT }
`)
	out, trace := run(t, binary, "GODEBUG=inittrace=1")
	assert.Regexp(t, `^(\d+) \d+ \d+ true$`, out)
	numbers := strings.Fields(out)
	assert.Equal(t, numbers[0], numbers[1], "goroutines before and after the import")
	assert.Equal(t, numbers[0], numbers[2], "goroutines with a processor")

	const system = 20_000 // bytes, fewer than the smallest actor system takes
	initialized := regexp.MustCompile(`(?m)^init (github\.com/troupe-go/\S+) .* (\d+) bytes`).FindAllStringSubmatch(trace, -1)
	require.NotEmpty(t, initialized, "%s", trace)
	for _, pkg := range initialized {
		allocated, err := strconv.Atoi(pkg[2])
		require.NoError(t, err)
		assert.Less(t, allocated, system, pkg[0])
	}
}
