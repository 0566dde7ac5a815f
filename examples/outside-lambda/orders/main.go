// Command orders runs one handler both ways: under Lambda, and in a container that polls the queue itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/aws/sqspoll"
	"github.com/troupe-go/troupe/typed"
)

// Order is the body of a message.
type Order struct {
	ID    string `json:"id"`
	Cents int    `json:"cents"`
}

// ship handles one order. It is idempotent, as delivery is at least once, and obeys ctx, as work may take longer than
// there is time for.
func ship(ctx context.Context, order Order) error {
	if order.Cents <= 0 {
		return troupe.Permanent(fmt.Errorf("order %s costs %d cents", order.ID, order.Cents))
	}
	slog.InfoContext(ctx, "shipped", "order", order.ID)
	return nil
}

// processor is the same under Lambda and elsewhere.
func processor() *troupe.SQSProcessor {
	return troupe.SQS(typed.SQS(ship), troupe.WithPolicy(troupe.StopGroup), troupe.WithConcurrency(8))
}

func main() {
	if os.Getenv("AWS_LAMBDA_RUNTIME_API") != "" {
		lambda.Start(processor())
		return
	}
	// ECS and Kubernetes send SIGTERM and kill after 30 s. A second signal ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	context.AfterFunc(ctx, stop)
	if err := run(ctx); err != nil {
		slog.Error("orders", "error", err)
		os.Exit(1)
	}
}

// run reads the configuration and polls until ctx ends.
func run(ctx context.Context) error {
	url := os.Getenv("QUEUE_URL")
	if url == "" {
		return errors.New("QUEUE_URL is not set: it must be the URL of the queue")
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	address := os.Getenv("HEALTH_ADDRESS")
	if address == "" {
		address = ":8080"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return poll(ctx, sqs.NewFromConfig(cfg), url, listener)
}

// poll serves the health check on listener and polls until ctx ends.
func poll(ctx context.Context, client sqspoll.Client, url string, listener net.Listener) error {
	var health sqspoll.Health
	server := &http.Server{Handler: healthOf(&health), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	return sqspoll.Run(ctx, client, url, processor(),
		sqspoll.WithHealth(&health),
		sqspoll.WithWait(10*time.Second), // an idle container stops within that time
		sqspoll.WithBatches(4),
	)
}

// healthOf handles GET /health: 200 while the queue is polled, otherwise 503.
func healthOf(health *sqspoll.Health) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if err := health.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	return mux
}
