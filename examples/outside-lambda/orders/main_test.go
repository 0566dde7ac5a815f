package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/troupe-go/troupe/aws/sqspoll"
	"github.com/troupe-go/troupe/lambdasim"
	"github.com/troupe-go/troupe/lambdasim/sqsserver"
)

// TestMain runs the command if the test starts it as a process.
func TestMain(m *testing.M) {
	if os.Getenv("OUTSIDE_LAMBDA_MAIN") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// orders serves a queue with n orders and returns a client, the endpoint and the queue's URL.
func orders(t *testing.T, n int) (client *sqs.Client, endpoint, url string) {
	queue := &lambdasim.Queue{Name: "orders"}
	server, err := sqsserver.New(queue)
	require.NoError(t, err)
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	client = sqs.New(sqs.Options{BaseEndpoint: &listener.URL, Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	url = server.URL(listener.URL, queue)
	for i := range n {
		_, err := client.SendMessage(t.Context(), &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String(fmt.Sprintf(`{"id":"o-%d","cents":%d}`, i, i))})
		require.NoError(t, err)
	}
	return client, listener.URL, url
}

func left(t *testing.T, client *sqs.Client, url string) string {
	out, err := client.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll}})
	require.NoError(t, err)
	return out.Attributes["ApproximateNumberOfMessages"] + "+" + out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

// Under Lambda the handler runs as the function: order 0 is reported.
func TestTheHandlerUnderLambda(t *testing.T) {
	event, err := json.Marshal(map[string]any{"Records": []any{
		map[string]any{"messageId": "m0", "body": `{"id":"o-0","cents":0}`, "eventSource": "aws:sqs"},
		map[string]any{"messageId": "m1", "body": `{"id":"o-1","cents":1}`, "eventSource": "aws:sqs"},
	}})
	require.NoError(t, err)
	response, err := processor().Invoke(t.Context(), event)
	require.NoError(t, err)
	assert.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":"m0"}]}`, string(response))
}

// Elsewhere the same handler polls: order 0 stays in the queue, and the health check succeeds.
func TestTheHandlerElsewhere(t *testing.T) {
	t.Parallel()
	client, _, url := orders(t, 20)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- poll(ctx, client, url, listener) }()
	require.Eventually(t, func() bool { return left(t, client, url) == "0+1" }, time.Minute, 20*time.Millisecond)
	response, err := http.Get("http://" + listener.Addr().String() + "/health")
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, "200 OK ok\n", response.Status+" "+string(body))
	stop()
	require.NoError(t, <-done)
}

func TestTheHealthCheckFailsWithoutAPoll(t *testing.T) {
	recorder := httptest.NewRecorder()
	healthOf(new(sqspoll.Health)).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/health", nil))
	assert.Equal(t, http.StatusServiceUnavailable, recorder.Code)
}

// The process ends without an error after SIGTERM.
func TestSIGTERMEndsTheProcess(t *testing.T) {
	t.Parallel()
	client, endpoint, url := orders(t, 20)
	var out bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "OUTSIDE_LAMBDA_MAIN=1", "QUEUE_URL="+url, "AWS_ENDPOINT_URL="+endpoint, "HEALTH_ADDRESS=127.0.0.1:0",
		"AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true")
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	require.Eventually(t, func() bool { return left(t, client, url) == "0+1" }, time.Minute, 20*time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), out.String())
}

func TestTheQueueMustBeGiven(t *testing.T) {
	t.Setenv("QUEUE_URL", "")
	require.ErrorContains(t, run(t.Context()), "QUEUE_URL is not set")
}
