package dynamodbstore_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/aws/dynamodbstore"
	"github.com/troupe-go/troupe/idempotency"
)

// powertools is one way to run the programs in testdata.
type powertools struct {
	language idempotency.Powertools
	handler  string
	command  []string
	endpoint string
	table    string
	options  []dynamodbstore.Option
}

// process is a run of such a program.
type process struct {
	t     *testing.T
	lines *bufio.Scanner
	stdin io.WriteCloser
}

func (p powertools) start(t *testing.T, payload, hold string) *process {
	args := append(p.command[1:len(p.command):len(p.command)], p.endpoint, p.table, payload, hold)
	cmd := exec.CommandContext(t.Context(), p.command[0], args...)
	cmd.Env = append(os.Environ(), "AWS_LAMBDA_FUNCTION_NAME=orders", "POWERTOOLS_TRACE_DISABLED=1", "NODE_NO_WARNINGS=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Wait() })
	return &process{t, bufio.NewScanner(stdout), stdin}
}

func (p *process) line() string {
	p.t.Helper()
	require.True(p.t, p.lines.Scan(), "the program has ended: %v", p.lines.Err())
	return p.lines.Text()
}

// Functions of Powertools and ours share a table: what one has completed the other skips, and what one has in
// progress the other refuses.
func TestPowertoolsSharesTheTable(t *testing.T) {
	python, modules := os.Getenv("TROUPE_PYTHON"), os.Getenv("TROUPE_NODE_MODULES")
	if python == "" || modules == "" {
		t.Skip("needs Powertools of npm and PyPI: make integration, which CI runs")
	}
	const payload = `{"order":"o-1","amount":10.5,"ü":[1,null,true]}`
	for name, p := range map[string]powertools{
		"Python":     {language: idempotency.Python, handler: "__main__.process", command: []string{python, "-W", "ignore", "testdata/powertools.py"}},
		"TypeScript": {language: idempotency.TypeScript, command: []string{"node", "testdata/powertools.cjs"}, options: []dynamodbstore.Option{dynamodbstore.WithNativeData()}},
	} {
		t.Run(name, func(t *testing.T) {
			p.endpoint = endpoints["moto"]
			client := clientOf(t, p.endpoint)
			fresh := func(t *testing.T) (powertools, *dynamodbstore.Store, idempotency.Claim) {
				p := p
				p.table = table(t, client, "id")
				return p, dynamodbstore.New(client, p.table, p.options...), idempotency.Claim{
					Key:   idempotency.PowertoolsKey(p.language, "orders", p.handler, []byte(payload)),
					Token: "ours", Lease: time.Now().Add(time.Minute), Expiry: time.Hour,
				}
			}
			t.Run("what it completed we skip", func(t *testing.T) {
				p, store, claim := fresh(t)
				run := p.start(t, payload, "")
				require.Equal(t, "running", run.line())
				result := run.line()
				done, err := store.Claim(t.Context(), claim)
				require.NoError(t, err)
				require.NotNil(t, done)
				assert.JSONEq(t, result, `{"result":`+string(done.Value)+`}`)
				assert.InDelta(t, time.Hour, time.Until(done.Expires), float64(time.Minute), "the hour that Powertools keeps it")
			})
			t.Run("what we completed it skips", func(t *testing.T) {
				p, store, claim := fresh(t)
				_, err := store.Claim(t.Context(), claim)
				require.NoError(t, err)
				require.NoError(t, store.Complete(t.Context(), claim.Key, claim.Token, idempotency.Completion{
					Value: []byte(`{"by":"go","amounts":[1,2.5],"none":null}`), Expires: time.Now().Add(time.Hour),
				}))
				assert.JSONEq(t, `{"result":{"by":"go","amounts":[1,2.5],"none":null}}`, p.start(t, payload, "").line())
			})
			t.Run("what it has in progress we refuse", func(t *testing.T) {
				p, store, claim := fresh(t)
				run := p.start(t, payload, "hold")
				require.Equal(t, "running", run.line())
				_, err := store.Claim(t.Context(), claim)
				var busy *idempotency.InProgressError
				require.ErrorAs(t, err, &busy)
				assert.InDelta(t, 30*time.Second, time.Until(busy.Lease), float64(15*time.Second), "the time that its function has left")
				require.ErrorIs(t, store.Complete(t.Context(), claim.Key, claim.Token, idempotency.Completion{Expires: time.Now().Add(time.Hour)}), idempotency.ErrLeaseLost)
				_, err = io.WriteString(run.stdin, "\n")
				require.NoError(t, err)
				var result map[string]any
				require.NoError(t, json.Unmarshal([]byte(run.line()), &result))
				assert.Contains(t, result, "result")
				done, err := store.Claim(t.Context(), claim)
				require.NoError(t, err)
				require.NotNil(t, done)
			})
			t.Run("what we have in progress it refuses", func(t *testing.T) {
				p, store, claim := fresh(t)
				_, err := store.Claim(t.Context(), claim)
				require.NoError(t, err)
				assert.JSONEq(t, `{"error":"in progress"}`, p.start(t, payload, "").line())
				require.NoError(t, store.Release(t.Context(), claim.Key, claim.Token))
				assert.Equal(t, "running", p.start(t, payload, "").line(), "released, it is free for it")
			})
			t.Run("when our lease has ended it claims, and our completion changes nothing", func(t *testing.T) {
				p, store, claim := fresh(t)
				claim.Lease = time.Now()
				_, err := store.Claim(t.Context(), claim)
				require.NoError(t, err)
				time.Sleep(5 * time.Millisecond)
				run := p.start(t, payload, "")
				require.Equal(t, "running", run.line())
				result := run.line()
				require.ErrorIs(t, store.Complete(t.Context(), claim.Key, claim.Token, idempotency.Completion{Expires: time.Now().Add(time.Hour)}), idempotency.ErrLeaseLost)
				done, err := store.Claim(t.Context(), claim)
				require.NoError(t, err)
				require.NotNil(t, done)
				assert.JSONEq(t, result, `{"result":`+string(done.Value)+`}`)
			})
		})
	}
}
