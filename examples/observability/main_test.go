package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/troupe-go/troupe/lambdasim"
)

// lines reads lines of JSON.
func lines[T any](t *testing.T, text *bytes.Buffer) (all []T) {
	t.Helper()
	for decoder := json.NewDecoder(text); decoder.More(); {
		var line T
		if err := decoder.Decode(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line)
	}
	return all
}

func TestMetricsAndLogsTellOfEveryMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		queue := &lambdasim.Queue{VisibilityTimeout: 180 * time.Second}
		for range 50 {
			queue.Send(lambdasim.Message{Body: "your parcel is on its way"})
		}
		var metrics, logs bytes.Buffer
		logger := newLogger(&logs)
		notified, fails := 0, map[string]int{}
		handle := func(ctx context.Context, msg events.SQSMessage) error {
			if lambdasim.Draw(1, "post", msg.MessageId, lambdasim.Delivery(ctx, msg.MessageId)) < 0.2 {
				return errors.New("no answer")
			}
			logger.With("to", "ann").InfoContext(ctx, "posted")
			return nil
		}
		verdict, err := lambdasim.Simulation{
			Source:      queue,
			Handler:     newProcessor(lambdasim.Watch(handle), &metrics, logger),
			Mapping:     lambdasim.Mapping{FunctionResponseTypes: []string{lambdasim.ReportBatchItemFailures}},
			Timeout:     30 * time.Second,
			Concurrency: 1,
		}.Run(t.Context())
		if err != nil || !verdict.OK() {
			t.Error(verdict, err)
		}

		for _, line := range lines[struct {
			Msg       string
			ID        string
			MessageID string `json:"message_id"`
			Level     slog.Level
		}](t, &logs) {
			switch {
			case line.Msg == "posted" && line.MessageID != "":
				notified++
			case line.Level == slog.LevelWarn && line.ID != "":
				fails[line.ID]++
			default:
				t.Errorf("a line that tells of no message: %v", line)
			}
		}
		if notified != 50 || len(fails) == 0 {
			t.Errorf("the log tells of %d messages posted and %d that failed", notified, len(fails))
		}
		processed, failed := 0, 0
		for _, line := range lines[struct{ Processed, Failed int }](t, &metrics) {
			processed, failed = processed+line.Processed, failed+line.Failed
		}
		if processed != verdict.Totals.Handled || failed != verdict.Totals.Handled-50 {
			t.Errorf("the metrics tell of %d processed and %d failed; %s", processed, failed, verdict)
		}
	})
}
