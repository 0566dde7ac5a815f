package examples_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/lambdasim/runtimeapi"
)

// caller is an example as its process is run: what it is to be given, and how many requests come of that.
type caller struct {
	url         string // the variable that says where its service is
	invocations int
	requests    int // of an invocation
	atOnce      int // handlers
	event       func(records int) string
}

// list writes n records.
func list(n int, record func(i int) string) string {
	records := make([]string, n)
	for i := range records {
		records[i] = record(i)
	}
	return strings.Join(records, ",")
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func messages(body func(i int) string) func(int) string {
	return func(n int) string {
		return `{"Records":[` + list(n, func(i int) string {
			return fmt.Sprintf(`{"messageId":"m%d","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q","attributes":{"MessageGroupId":"g%d"},"body":%q}`, i, i, body(i))
		}) + `]}`
	}
}

func plainly(i int) string { return fmt.Sprintf(`{"order":%d}`, i) }

func stream(more string) func(int) string {
	return func(n int) string {
		return `{` + more + `"Records":[` + list(n, func(i int) string {
			return fmt.Sprintf(`{"eventSource":"aws:kinesis","kinesis":{"partitionKey":"van%d","sequenceNumber":"%d","data":%q}}`, i, i+1, encoded(`{"product":"tea","cents":7}`))
		}) + `]}`
	}
}

var callers = map[string]caller{
	"sqs":           {"PAYMENTS_URL", 1, 1000, 16, messages(plainly)},
	"fifo":          {"LEDGER_URL", 1, 1000, 16, func(n int) string { return strings.ReplaceAll(messages(plainly)(n), ":1:q", ":1:q.fifo") }},
	"observability": {"NOTIFY_URL", 1, 1000, 16, messages(plainly)},
	"typed": {"WAREHOUSE_URL", 1, 1000, 16, messages(func(i int) string {
		order, _ := json.Marshal(fmt.Sprintf(`{"id":"o%d","article":"tea","quantity":1}`, i))
		return fmt.Sprintf(`{"Type":"Notification","MessageId":"n%d","TopicArn":"arn:aws:sns:eu-west-1:1:orders","Message":%s}`, i, order)
	})},
	"kinesis": {"MAP_URL", 1, 1000, 32, stream("")},
	"dynamodb": {"INDEX_URL", 1, 1000, 16, func(n int) string {
		return `{"Records":[` + list(n, func(i int) string {
			return fmt.Sprintf(`{"eventName":"MODIFY","eventSource":"aws:dynamodb","dynamodb":{"SequenceNumber":"%d","Keys":{"id":{"S":"o%d"}},"NewImage":{"id":{"S":"o%d"},"customer":{"S":"ann"},"state":{"S":"paid"}}}}`, i+1, i, i)
		}) + `]}`
	}},
	"kafka": {"SHOP_URL", 1, 1000, 16, func(n int) string {
		return `{"eventSource":"aws:kafka","records":{"stock-0":[` + list(n, func(i int) string {
			return fmt.Sprintf(`{"topic":"stock","partition":0,"offset":%d,"timestamp":1763784000120,"timestampType":"CREATE_TIME","key":%q,"value":%q,"headers":[]}`, i, encoded(fmt.Sprint("tea", i)), encoded("5"))
		}) + `]}}`
	}},
	// These call their services once in an invocation.
	"own-handler": {"RATES_URL", 100, 1, 1, func(int) string { return messages(func(int) string { return "9.90 USD" })(1) }},
	"windows": {"LEDGER_URL", 100, 1, 1, func(int) string {
		return stream(`"window":{"start":"2026-01-01T00:00:00Z","end":"2026-01-01T00:01:00Z"},"shardId":"shardId-1","isFinalInvokeForWindow":true,"state":{},`)(1)
	}},
}

// service answers every request after a moment, at some length, and counts its connections.
func service(t *testing.T) (url string, requests, connections *atomic.Int64) {
	requests, connections = new(atomic.Int64), new(atomic.Int64)
	answer := []byte(`{"USD":0.9}` + strings.Repeat(" ", 20_000))
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		time.Sleep(time.Millisecond)
		_, _ = w.Write(answer)
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, requests, connections
}

// build builds the examples as programs of this machine.
var build = sync.OnceValues(func() (dir string, err error) {
	dir, err = os.MkdirTemp("", "examples")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./...").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return dir, err
})

// Each example, as the process that Lambda runs, keeps its connections: a thousand records that are handled 16 at once
// take about 16 of them. A response that is not read to its end costs its connection, and the default client keeps two.
func TestExamplesKeepTheirConnections(t *testing.T) {
	suffix := ""
	if runtime.GOOS == "windows" {
		suffix = ".exe"
	}
	dir, err := build()
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, err)
	mains, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	require.Len(t, callers, len(mains), "an example is missing")
	for name, c := range callers {
		t.Run(name, func(t *testing.T) {
			url, requests, connections := service(t)
			function, err := runtimeapi.New(runtimeapi.Config{Path: filepath.Join(dir, name+suffix), Env: []string{c.url + "=" + url}})
			require.NoError(t, err)
			defer function.Close()
			for range c.invocations {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				response, err := function.Invoke(ctx, []byte(c.event(c.requests)))
				cancel()
				require.NoError(t, err)
				require.Contains(t, string(response), `"batchItemFailures":[]`)
			}
			assert.GreaterOrEqual(t, requests.Load(), int64(c.invocations*c.requests))
			assert.LessOrEqual(t, connections.Load(), int64(4*c.atOnce), "for %d requests, %d at once", requests.Load(), c.atOnce)
		})
	}
}

// The client is in each folder, which is copied as a whole, and is the same in all.
func TestExamplesHaveTheSameClientAndUseIt(t *testing.T) {
	byHand := regexp.MustCompile(`http\.(DefaultClient|Get|Post|Head|Client\{)|Body\.Close\(\)`)
	want, err := os.ReadFile("sqs/client.go")
	require.NoError(t, err)
	for _, name := range append(slices.Collect(maps.Keys(callers)), "redelivery/orders") {
		client, err := os.ReadFile(filepath.Join(name, "client.go"))
		require.NoError(t, err)
		assert.Equal(t, string(want), string(client), name)
		main, err := os.ReadFile(filepath.Join(name, "main.go"))
		require.NoError(t, err)
		assert.Empty(t, byHand.FindAllString(string(main), -1), name)
	}
}
