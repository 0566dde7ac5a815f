package sqspoll_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqspoll"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/check"
	"github.com/troupe-go/troupe/lambdasim/sqsserver"
)

var messages = flag.Int("sqspoll.messages", 200, "how many messages the tests with servers send")

// server is a queue on a server, and how to reach it.
type server struct {
	endpoint, url string
	queue         *lambdasim.Queue // of sqsserver
	messages      int              // that a test sends
	disordered    bool             // its FIFO queues are none
	admin         *sqs.Client      // not through a proxy, and not one of the consumers
}

// servers are those of make integration, by name, and sqsserver, which is in the process.
var servers = []struct{ name, endpoint string }{
	{"sqsserver", ""},
	{"moto", os.Getenv("TROUPE_MOTO")},
	{"fauxqs", os.Getenv("TROUPE_FAUXQS")},
	{"elasticmq", os.Getenv("TROUPE_ELASTICMQ")},
}

// needsServers skips tests that take minutes and compare visibility timeouts of seconds with a real clock: they run alone.
func needsServers(t *testing.T) {
	if servers[1].endpoint == "" {
		t.Skip("takes minutes with a real clock, and needs servers: make integration, which CI runs")
	}
}

// onEach runs a test with a standard queue and a FIFO queue of each server.
func onEach(t *testing.T, test func(t *testing.T, s *server, fifo bool)) {
	for _, s := range servers {
		for _, fifo := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/fifo=%v", s.name, fifo), func(t *testing.T) {
				t.Parallel() // they wait for visibility timeouts most of the time
				if s.endpoint == "" {
					if s.name != "sqsserver" {
						t.Skip("needs a server that is not ours: make integration, which CI runs")
					}
					test(t, simulated(t, fifo), fifo)
					return
				}
				q := real(t, s.endpoint, fifo)
				if s.name == "moto" { // it is slow
					q.disordered, q.messages = true, *messages/4
				}
				test(t, q, fifo)
			})
		}
	}
}

func clientOf(endpoint string) *sqs.Client {
	transport := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100, DisableKeepAlives: false}}
	return sqs.New(sqs.Options{
		BaseEndpoint: &endpoint,
		Region:       "eu-west-1",
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
		HTTPClient:   transport,
		Retryer:      retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts = 2 }),
	})
}

func nameOf(fifo bool) string {
	name := fmt.Sprint("orders-", time.Now().UnixNano())
	if fifo {
		name += ".fifo"
	}
	return name
}

// simulated serves a queue of lambdasim on a port of the loopback address.
func simulated(t testing.TB, fifo bool) *server {
	queue := &lambdasim.Queue{Name: nameOf(fifo), ContentBasedDeduplication: fifo}
	handler, err := sqsserver.New(queue)
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	httpServer := &http.Server{Handler: handler}
	go func() { _ = httpServer.Serve(listener) }()
	t.Cleanup(func() { _ = httpServer.Close() })
	endpoint := "http://" + listener.Addr().String()
	return &server{messages: *messages, endpoint: endpoint, url: handler.URL(endpoint, queue), queue: queue, admin: clientOf(endpoint)}
}

func real(t testing.TB, endpoint string, fifo bool) *server {
	client, name := clientOf(endpoint), nameOf(fifo)
	attributes := map[string]string{}
	if fifo {
		attributes = map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"}
	}
	out, err := client.CreateQueue(t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = client.DeleteQueue(context.WithoutCancel(t.Context()), &sqs.DeleteQueueInput{QueueUrl: out.QueueUrl})
	})
	return &server{messages: *messages, endpoint: endpoint, url: *out.QueueUrl, admin: client}
}

// send sends n messages, in groups if the queue is FIFO, and notes them in the journal.
func (s *server) send(t testing.TB, j *journal, from, n int, fifo bool) {
	for start := from; start < from+n; start += 10 {
		input := &sqs.SendMessageBatchInput{QueueUrl: &s.url}
		var list []lambdasim.Message
		for i := start; i < min(start+10, from+n); i++ {
			m := lambdasim.Message{Body: fmt.Sprint("order ", i)}
			e := types.SendMessageBatchRequestEntry{Id: ptr(strconv.Itoa(i)), MessageBody: &m.Body}
			if fifo {
				m.Group = fmt.Sprint("customer-", i/3%(n/10+1))
				e.MessageGroupId = &m.Group
			}
			list, input.Entries = append(list, m), append(input.Entries, e)
		}
		out, err := s.admin.SendMessageBatch(t.Context(), input)
		require.NoError(t, err)
		require.Empty(t, out.Failed)
		ids := make(map[string]string)
		for _, e := range out.Successful {
			ids[*e.Id] = *e.MessageId
		}
		for i, e := range input.Entries {
			j.sent(ids[*e.Id], list[i])
		}
	}
}

// left returns how many messages the server says that the queue has.
func (s *server) left(t testing.TB) int {
	out, err := s.admin.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &s.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	require.NoError(t, err)
	n := 0
	for _, name := range []string{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"} {
		i, err := strconv.Atoi(out.Attributes[name])
		require.NoError(t, err)
		n += i
	}
	return n
}

// rules are what the consumers of these tests promise.
func (s *server) rules(fifo bool) check.Rules {
	rules := check.Rules{Reports: true, Payloads: true, Unhandled: true}
	if fifo && !s.disordered {
		rules.Order, rules.Stops = check.Strict, check.StopsGroup
	}
	return rules
}

// visibility is the consumers' visibility timeout. A busy machine must renew it within half of it.
const visibility = 8 * time.Second

var errFirst = errors.New("this message fails the first time")

// handler takes a while and fails for one message in ten the first time.
func handler(takes time.Duration) func(context.Context, events.SQSMessage) error {
	return func(ctx context.Context, m events.SQSMessage) error {
		time.Sleep(takes)
		h := fnv.New32()
		_, _ = h.Write([]byte(m.Body))
		if h.Sum32()%10 == 0 && m.Attributes["ApproximateReceiveCount"] == "1" {
			return errFirst
		}
		return nil
	}
}

// consume runs a consumer until ctx ends.
func consume(ctx context.Context, c *consumer, url string, takes time.Duration, options ...sqspoll.Option) error {
	quiet := slog.New(slog.DiscardHandler)
	processor := troupe.SQS(c.watch(handler(takes)), troupe.WithLogger(quiet), troupe.WithPolicy(troupe.StopGroup), troupe.WithObserver(c.answered), troupe.WithConcurrency(4))
	options = append([]sqspoll.Option{sqspoll.WithWait(time.Second), sqspoll.WithVisibility(visibility), sqspoll.WithBatches(4), sqspoll.WithLogger(quiet)}, options...)
	return sqspoll.Run(ctx, c, url, processor, options...)
}

// drained waits until everything has been handled and the queue is empty.
func (s *server) drained(t testing.TB, j *journal, n int, within time.Duration) {
	limit := time.Now().Add(within)
	for j.done() < n || s.left(t) > 0 {
		if time.Now().After(limit) {
			t.Fatalf("%d of %d messages handled, %d left, after %v: %v", j.done(), n, s.left(t), within, j)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func within() time.Duration { return 2*time.Minute + time.Duration(*messages)*20*time.Millisecond }

const childEnv = "TROUPE_SQSPOLL_CHILD"

// child is the process that is killed: a consumer that writes its events to standard output.
func child(config string) int {
	f := strings.Split(config, " ")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := newConsumer(clientOf(f[1]), f[0], os.Stdout)
	if err := consume(ctx, c, f[2], 5*time.Millisecond); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// SPEC Q1 to Q3: two processes poll a queue; three times one of them is killed in the middle of its batches, and
// another takes its place.
func TestProcessesThatAreKilledLoseNothing(t *testing.T) {
	needsServers(t)
	onEach(t, func(t *testing.T, s *server, fifo bool) {
		j := newJournal(t, s.rules(fifo))
		s.send(t, j, 0, s.messages, fifo)
		// One pipe for all processes: their events come in the order in which they were written.
		r, w, err := os.Pipe()
		require.NoError(t, err)
		defer r.Close()
		defer w.Close()
		read := make(chan struct{})
		go func() {
			defer close(read)
			lines := bufio.NewReader(r)
			for {
				line, err := lines.ReadString('\n')
				if err != nil || line == "end\n" {
					return
				}
				_, _ = io.WriteString(j, line)
			}
		}()
		start := func(name string) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childEnv+"="+name+" "+s.endpoint+" "+s.url)
			cmd.Stdout, cmd.Stderr = w, os.Stderr
			require.NoError(t, cmd.Start())
			t.Cleanup(func() { _ = cmd.Process.Kill() })
			return cmd
		}
		running := []*exec.Cmd{start("a"), start("b")}
		names := []string{"a", "b"}
		for kill := range 3 {
			for limit := time.Now().Add(within()); j.done() < s.messages*(kill+1)/5; time.Sleep(time.Millisecond) {
				require.Truef(t, time.Now().Before(limit), "%d handled", j.done())
			}
			victim := kill % 2
			require.NoError(t, running[victim].Process.Kill())
			_ = running[victim].Wait()
			_, err := io.WriteString(w, names[victim]+" killed\n")
			require.NoError(t, err)
			names[victim] = fmt.Sprint(names[victim], kill)
			running[victim] = start(names[victim])
		}
		s.drained(t, j, s.messages, within())
		for _, cmd := range running {
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.NoError(t, cmd.Wait())
		}
		_, _ = io.WriteString(w, "end\n")
		<-read
		verdict := j.finish()
		t.Logf("%v; %d crashed, %d at once", j, verdict.Totals.Crashes, verdict.Totals.Concurrent)
		assert.Positive(t, verdict.Totals.Crashes+j.undeleted) // of the batches that were under way
	})
}

// proxy passes TCP connections on, unless it is cut.
type proxy struct {
	listener net.Listener
	target   string
	mu       sync.Mutex
	cut      bool
	open     map[net.Conn]bool
	all      sync.WaitGroup
}

func newProxy(t testing.TB, target string) *proxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, target: strings.TrimPrefix(target, "http://"), open: make(map[net.Conn]bool)}
	p.all.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); p.set(true); p.all.Wait() })
	return p
}

func (p *proxy) endpoint() string { return "http://" + p.listener.Addr().String() }

// keep notes a connection, or closes it if the network is cut.
func (p *proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		_ = conn.Close()
		return false
	}
	p.open[conn] = true
	return true
}

func (p *proxy) serve(conn net.Conn) {
	if !p.keep(conn) {
		return
	}
	defer conn.Close()
	server, err := net.Dial("tcp", p.target)
	if err != nil || !p.keep(server) {
		return
	}
	defer server.Close()
	var copies sync.WaitGroup
	for _, pair := range [][2]net.Conn{{conn, server}, {server, conn}} {
		copies.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			_ = pair[0].Close()
		})
	}
	copies.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, conn)
	delete(p.open, server)
}

func (p *proxy) set(cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
	for conn := range p.open {
		if cut {
			_ = conn.Close()
			delete(p.open, conn)
		}
	}
}

// SPEC Q1 to Q3: the network is cut twice, briefly and for longer than the visibility timeout, in the middle of
// batches, and comes back.
func TestANetworkThatIsCutLosesNothing(t *testing.T) {
	needsServers(t)
	onEach(t, func(t *testing.T, s *server, fifo bool) {
		j := newJournal(t, s.rules(fifo))
		s.send(t, j, 0, s.messages, fifo)
		p := newProxy(t, s.endpoint)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan error)
		c := newConsumer(clientOf(p.endpoint()), "a", j)
		go func() {
			done <- consume(ctx, c, strings.Replace(s.url, s.endpoint, p.endpoint(), 1), 30*time.Millisecond)
		}()
		for i, cut := range []time.Duration{time.Second, visibility + 3*time.Second} {
			for limit := time.Now().Add(within()); j.done() < s.messages*(i+1)/4; time.Sleep(time.Millisecond) {
				require.Truef(t, time.Now().Before(limit), "%d handled", j.done())
			}
			p.set(true)
			time.Sleep(cut)
			p.set(false)
		}
		s.drained(t, j, s.messages, within())
		cancel()
		require.NoError(t, <-done)
		j.finish()
		t.Log(j)
	})
}

// SPEC Q1 to Q3: every fifth call, and every fifth entry of a batch, is throttled or fails.
func TestThrottlingAndPartialFailuresLoseNothing(t *testing.T) {
	needsServers(t)
	for _, fifo := range []bool{false, true} {
		t.Run(fmt.Sprintf("fifo=%v", fifo), func(t *testing.T) {
			s := simulated(t, fifo)
			j := newJournal(t, s.rules(fifo))
			s.send(t, j, 0, s.messages, fifo)
			var failed atomic.Int32
			s.queue.Faults = func(c lambdasim.Call) error {
				switch {
				case rand.IntN(5) > 0:
					return nil
				case rand.IntN(2) > 0:
					failed.Add(1)
					return &lambdasim.QueueError{Code: "RequestThrottled", Message: "slow down"}
				default:
					failed.Add(1)
					return errors.New("a fault of the server")
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error)
			go func() { done <- consume(ctx, newConsumer(clientOf(s.endpoint), "a", j), s.url, time.Millisecond) }()
			s.drained(t, j, s.messages, within())
			cancel()
			require.NoError(t, <-done)
			j.finish()
			assert.Positive(t, failed.Load())
			t.Log(j, failed.Load(), "faults")
		})
	}
}

// SPEC Q5: consumers are stopped and others started in the middle of the load, one after the other. What they
// received last is given back: nothing waits for a visibility timeout of an hour, except what has failed, so nothing
// fails here.
func TestConsumersThatAreStoppedLeaveNothingBehind(t *testing.T) {
	needsServers(t)
	onEach(t, func(t *testing.T, s *server, fifo bool) {
		j := newJournal(t, s.rules(fifo))
		s.send(t, j, 0, s.messages, fifo)
		c := 0
		for limit := time.Now().Add(within()); j.done() < s.messages; c++ {
			require.True(t, time.Now().Before(limit), j.String())
			ctx, cancel := context.WithCancel(t.Context())
			consumer := newConsumer(clientOf(s.endpoint), fmt.Sprint("c", c), j)
			quiet := slog.New(slog.DiscardHandler)
			var first sync.Once
			processor := troupe.SQS(consumer.watch(func(context.Context, events.SQSMessage) error {
				first.Do(func() { time.AfterFunc(time.Duration(50+rand.IntN(200))*time.Millisecond, cancel) })
				time.Sleep(20 * time.Millisecond)
				return nil
			}),
				troupe.WithLogger(quiet), troupe.WithPolicy(troupe.StopGroup), troupe.WithObserver(consumer.answered), troupe.WithConcurrency(2))
			err := sqspoll.Run(ctx, consumer, s.url, processor, sqspoll.WithWait(time.Second), sqspoll.WithVisibility(time.Hour), sqspoll.WithBatches(3), sqspoll.WithLogger(quiet))
			cancel()
			require.NoError(t, err)
		}
		require.Zero(t, s.left(t))
		verdict := j.finish()
		assert.Equal(t, s.messages, verdict.Totals.Deleted)
		t.Log(j, c, "runs")
	})
}

// SPEC Q1 to Q3: the visibility cannot be renewed, so it ends while the handler runs: the message is handled twice,
// at once maybe, and is deleted once. A FIFO queue refuses the first delete.
func TestAVisibilityThatEndsWhileAHandlerRuns(t *testing.T) {
	needsServers(t)
	for _, fifo := range []bool{false, true} {
		t.Run(fmt.Sprintf("fifo=%v", fifo), func(t *testing.T) {
			s := simulated(t, fifo)
			s.queue.Faults = func(c lambdasim.Call) error {
				if c.Action == "ChangeMessageVisibility" {
					return errors.New("a fault of the server")
				}
				return nil
			}
			s.send(t, newJournal(t, s.rules(fifo)), 0, 1, fifo)
			var calls, undeleted, deleted atomic.Int32
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error)
			quiet := slog.New(slog.DiscardHandler)
			go func() {
				done <- sqspoll.Run(ctx, clientOf(s.endpoint), s.url, troupe.SQS(func(context.Context, events.SQSMessage) error {
					if calls.Add(1) == 1 {
						time.Sleep(2500 * time.Millisecond)
					}
					return nil
				}, troupe.WithLogger(quiet)), sqspoll.WithBatches(1), sqspoll.WithWait(time.Second), sqspoll.WithVisibility(2*time.Second), sqspoll.WithLogger(quiet),
					sqspoll.WithObserver(func(_ context.Context, b sqspoll.Batch) {
						undeleted.Add(int32(b.Undeleted))
						deleted.Add(int32(b.Deleted))
					}))
			}()
			for limit := time.Now().Add(time.Minute); s.left(t) > 0 && time.Now().Before(limit); {
				time.Sleep(50 * time.Millisecond)
			}
			cancel()
			require.NoError(t, <-done)
			assert.Zero(t, s.left(t))
			if fifo {
				assert.Equal(t, int32(1), undeleted.Load())
				assert.Equal(t, int32(1), deleted.Load())
				assert.Equal(t, int32(2), calls.Load())
			}
		})
	}
}

// SPEC Q6: Run ends with the error of each server for a queue that does not exist.
func TestAQueueThatDoesNotExistEndsRun(t *testing.T) {
	onEach(t, func(t *testing.T, s *server, _ bool) {
		url := strings.Replace(s.url, "/orders-", "/missing-", 1)
		processor := troupe.SQS(func(context.Context, events.SQSMessage) error { return nil })
		err := sqspoll.Run(t.Context(), clientOf(s.endpoint), url, processor, sqspoll.WithLogger(slog.New(slog.DiscardHandler)))
		var missing *types.QueueDoesNotExist
		require.ErrorAs(t, err, &missing)
		assert.ErrorContains(t, err, url)
	})
}

// SPEC Q7: what a server returns for a message is what Lambda would pass on.
func TestMessagesOfServersAreThoseOfLambda(t *testing.T) {
	onEach(t, func(t *testing.T, s *server, fifo bool) {
		input := &sqs.SendMessageInput{
			QueueUrl: &s.url, MessageBody: ptr(`{"order":1}`),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"text":   {DataType: ptr("String"), StringValue: ptr("an anvil")},
				"number": {DataType: ptr("Number.int"), StringValue: ptr("7")},
				"bytes":  {DataType: ptr("Binary.png"), BinaryValue: []byte{0, 1, 254, 255}},
			},
		}
		if fifo {
			input.MessageGroupId = ptr("g")
		}
		sent, err := s.admin.SendMessage(t.Context(), input)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan events.SQSMessage, 1)
		done := make(chan error)
		go func() {
			done <- sqspoll.Run(ctx, clientOf(s.endpoint), s.url, troupe.SQS(func(_ context.Context, m events.SQSMessage) error { got <- m; return nil }),
				sqspoll.WithWait(time.Second), sqspoll.WithBatches(1))
		}()
		m := <-got
		cancel()
		require.NoError(t, <-done)
		assert.Equal(t, *sent.MessageId, m.MessageId)
		assert.Equal(t, `{"order":1}`, m.Body)
		assert.Equal(t, *sent.MD5OfMessageBody, m.Md5OfBody)
		assert.Equal(t, "1", m.Attributes["ApproximateReceiveCount"])
		assert.NotEmpty(t, m.Attributes["SentTimestamp"])
		assert.Equal(t, "aws:sqs", m.EventSource)
		assert.Contains(t, m.EventSourceARN, ":sqs:"+m.AWSRegion+":")
		assert.Equal(t, fifo, strings.HasSuffix(m.EventSourceARN, ".fifo"))
		assert.Equal(t, map[string]events.SQSMessageAttribute{
			"text":   {DataType: "String", StringValue: ptr("an anvil"), StringListValues: []string{}, BinaryListValues: [][]byte{}},
			"number": {DataType: "Number.int", StringValue: ptr("7"), StringListValues: []string{}, BinaryListValues: [][]byte{}},
			"bytes":  {DataType: "Binary.png", BinaryValue: []byte{0, 1, 254, 255}, StringListValues: []string{}, BinaryListValues: [][]byte{}},
		}, m.MessageAttributes)
		if fifo {
			assert.Equal(t, "g", m.Attributes["MessageGroupId"])
		}
	})
}
