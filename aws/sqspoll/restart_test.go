package sqspoll_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqspoll"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/sqsserver"
)

// serverEnv makes this test binary a server: of the queue that it names, on the address before it; of none with "-".
const serverEnv = "TROUPE_SQSPOLL_SERVER"

// serve is the process of the server.
func serve(config string) int {
	address, name, _ := strings.Cut(config, " ")
	var queues []*lambdasim.Queue
	if name != "-" {
		queues = append(queues, &lambdasim.Queue{Name: name, ContentBasedDeduplication: strings.HasSuffix(name, ".fifo")})
	}
	handler, err := sqsserver.New(queues...)
	if err == nil {
		err = http.ListenAndServe(address, handler)
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// process is a server in a process of its own.
type process struct {
	t       testing.TB
	address string
	cmd     *exec.Cmd
}

func newProcess(t testing.TB) *process {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	p := &process{t: t, address: listener.Addr().String()}
	t.Cleanup(func() {
		if p.cmd != nil {
			p.kill()
		}
	})
	return p
}

func (p *process) endpoint() string { return "http://" + p.address }
func (p *process) port() string     { return p.address[strings.LastIndexByte(p.address, ':')+1:] }

// start starts the process and waits until it accepts connections.
func (p *process) start(cmd *exec.Cmd) {
	cmd.Stderr = os.Stderr
	if strings.Contains(filepath.Base(cmd.Path), "python") {
		cmd.Stderr = nil // a line per request
	}
	require.NoError(p.t, cmd.Start())
	p.cmd = cmd
	require.Eventually(p.t, func() bool {
		conn, err := net.Dial("tcp", p.address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, 2*time.Minute, 20*time.Millisecond, "the server does not start")
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
	p.cmd = nil
}

// self is the command that serves a queue of lambdasim.
func (p *process) self(name string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"="+p.address+" "+name)
	return cmd
}

// moto is the command of a moto whose queues are lost when it ends.
func (p *process) moto() *exec.Cmd {
	python := os.Getenv("TROUPE_PYTHON")
	if python == "" {
		p.t.Skip("needs a server that is not ours: make integration, which CI runs")
	}
	return exec.Command(python, filepath.Join("..", "..", "test", "integration", "moto_server.py"), p.port())
}

// fauxqs is the command of a fauxqs that keeps its queues in a directory.
func (p *process) fauxqs(directory string) *exec.Cmd {
	modules := os.Getenv("TROUPE_NODE_MODULES")
	node := filepath.Join(modules, "node", "bin", "node")
	if _, err := os.Stat(node); modules == "" || err != nil {
		p.t.Skip("needs a server that is not ours: make integration, which CI runs")
	}
	return exec.Command(node, "--disable-warning=ExperimentalWarning", filepath.Join(modules, "..", "fauxqs_server.mjs"), p.port(), directory)
}

// restartable is a server that can go away and return with its messages.
type restartable struct {
	*server
	stop, start func()
}

// reopened is a sqsserver whose listener and connections are closed, and that listens on the same port again.
func reopened(t *testing.T, fifo bool) restartable {
	queue := &lambdasim.Queue{Name: nameOf(fifo), ContentBasedDeduplication: fifo}
	handler, err := sqsserver.New(queue)
	require.NoError(t, err)
	address := "127.0.0.1:0"
	var current *http.Server
	start := func() {
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		address = listener.Addr().String()
		current = &http.Server{Handler: handler}
		go func(s *http.Server) { _ = s.Serve(listener) }(current)
	}
	start()
	t.Cleanup(func() { _ = current.Close() })
	endpoint := "http://" + address
	s := &server{messages: *messages, endpoint: endpoint, url: handler.URL(endpoint, queue), queue: queue, admin: clientOf(endpoint)}
	return restartable{s, func() { _ = current.Close() }, start}
}

// killed is a process of fauxqs that is killed, and started anew with its directory.
func killed(t *testing.T, fifo bool) restartable {
	p, directory := newProcess(t), t.TempDir()
	start := func() { p.start(p.fauxqs(directory)) }
	start()
	return restartable{real(t, p.endpoint(), fifo), p.kill, start}
}

// frozen is a process of sqsserver that is stopped by a signal: it accepts connections and answers nothing, and when it
// continues it serves the calls of clients that have given up.
func frozen(t *testing.T, fifo bool) restartable {
	p, name := newProcess(t), nameOf(fifo)
	p.start(p.self(name))
	s := &server{messages: *messages, endpoint: p.endpoint(), url: p.endpoint() + "/123456789012/" + name, admin: clientOf(p.endpoint())}
	signal := func(sig syscall.Signal) func() {
		return func() { require.NoError(t, p.cmd.Process.Signal(sig)) }
	}
	return restartable{s, signal(syscall.SIGSTOP), signal(syscall.SIGCONT)}
}

// SPEC Q1 to Q3: the server goes away three times in the middle of the work, once for longer than the visibility
// timeout, and returns with its messages.
func TestAServerThatRestartsLosesNothing(t *testing.T) {
	needsServers(t)
	for _, kind := range []struct {
		name string
		make func(*testing.T, bool) restartable
	}{{"reopened", reopened}, {"killed", killed}, {"frozen", frozen}} {
		for _, fifo := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/fifo=%v", kind.name, fifo), func(t *testing.T) {
				t.Parallel() // they wait most of the time
				s := kind.make(t, fifo)
				j := newJournal(t, s.rules(fifo))
				s.send(t, j, 0, s.messages, fifo)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				done := make(chan error, 2)
				for _, name := range []string{"a", "b"} {
					go func() { done <- consume(ctx, newConsumer(clientOf(s.endpoint), name, j), s.url, 30*time.Millisecond) }()
				}
				for i, away := range []time.Duration{time.Second, visibility + 3*time.Second, time.Second} {
					for limit := time.Now().Add(within()); j.done() < s.messages*(i+1)/5; time.Sleep(time.Millisecond) {
						require.Truef(t, time.Now().Before(limit), "%d handled", j.done())
					}
					s.stop()
					time.Sleep(away)
					s.start()
				}
				s.drained(t, j, s.messages, within())
				cancel()
				for range 2 {
					require.NoError(t, <-done)
				}
				j.finish()
				t.Log(j)
			})
		}
	}
}

// SPEC Q6: a server that is restarted without its queues, as emulators are, ends Run: with an error that names the
// queue and the reason, and when the handlers under way have ended. Until then Run retries.
func TestAServerThatForgotTheQueueEndsRun(t *testing.T) {
	for _, kind := range []string{"sqsserver", "moto"} {
		for _, fifo := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/fifo=%v", kind, fifo), func(t *testing.T) {
				p, name := newProcess(t), nameOf(fifo)
				var s *server
				restart := func() { p.start(p.self("-")) }
				if kind == "moto" {
					restart = func() { p.start(p.moto()) }
					restart()
					s = real(t, p.endpoint(), fifo)
				} else {
					p.start(p.self(name))
					s = &server{endpoint: p.endpoint(), url: p.endpoint() + "/123456789012/" + name, admin: clientOf(p.endpoint())}
				}
				s.send(t, newJournal(t, s.rules(fifo)), 0, 20, fifo)
				var begun, ended atomic.Int32
				release, done := make(chan struct{}), make(chan error, 1)
				log := new(lines)
				var health sqspoll.Health
				go func() {
					done <- sqspoll.Run(t.Context(), clientOf(s.endpoint), s.url, troupe.SQS(func(context.Context, events.SQSMessage) error {
						begun.Add(1)
						<-release
						ended.Add(1)
						return nil
					}, troupe.WithLogger(slog.New(slog.DiscardHandler))), sqspoll.WithWait(time.Second), sqspoll.WithLogger(slog.New(slog.NewTextHandler(log, nil))), sqspoll.WithHealth(&health))
				}()
				require.Eventually(t, func() bool { return begun.Load() > 0 }, time.Minute, time.Millisecond)
				p.kill()
				require.Eventually(t, func() bool { return log.count("receives fail") > 0 }, time.Minute, 10*time.Millisecond)
				require.NoError(t, health.Err())
				restart()
				select {
				case err := <-done:
					t.Fatalf("Run has returned while a handler runs: %v", err)
				case <-time.After(time.Second):
				}
				close(release)
				var err error
				select {
				case err = <-done:
				case <-time.After(2 * time.Minute):
					t.Fatal("Run does not return")
				}
				require.ErrorContains(t, err, "troupe: sqspoll: "+s.url+": ")
				var missing *types.QueueDoesNotExist
				require.Truef(t, errors.As(err, &missing), "%v", err)
				assert.Equal(t, begun.Load(), ended.Load())
				assert.ErrorContains(t, health.Err(), "not running")
				assert.Equal(t, 1, log.count("receives fail"))
			})
		}
	}
}
