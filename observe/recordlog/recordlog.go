// Package recordlog logs each failed record, with the reason.
//
//	lambda.Start(troupe.SQS(charge, recordlog.Failures(nil)))
//
// A processor logs only one line per batch with failures. A line per record makes it possible to find a
// message by its identifier. To turn off the line per batch, use
// troupe.WithLogger(slog.New(slog.DiscardHandler)).
package recordlog

import (
	"context"
	"log/slog"

	"github.com/troupe-go/troupe"
	"github.com/troupe-go/troupe/batch"
)

// Failures returns an option for a processor: a failure hook that writes a line to logger for each failed
// record, as it happens. The lines are "troupe: record failed" at WARN, and at INFO for a record that
// never started because of an earlier failure or the deadline. Their attributes are:
//
//   - source, id, index: the record, by source, identifier and place in the batch from 0
//   - group_hash: a hash of its group; omitted if there is none
//   - attempt: the number of the last attempt, from 1; 0 if it was never started
//   - reason: one word, such as "panic" or "deadline", or "error" for the handler's own error: the first word of
//     batch.Words
//   - error: the text of the error, cut after 300 bytes
//
// They contain no part of payloads, except in the text of a handler's error, and groups are hashed (SPEC S9).
// The logger receives the context of the invocation, so that a slog.Handler can add its values, such as a trace.
//
// A nil logger means slog.Default(), looked up when there is something to log. The lines of a batch are written
// one after the other, while handlers run; the invocation waits for them as it does for observers. The option is
// safe for concurrent invocations if the logger is.
func Failures(logger *slog.Logger) troupe.Option {
	return troupe.WithFailureHook(func(ctx context.Context, rec troupe.Record, err error) {
		to := logger
		if to == nil {
			to = slog.Default()
		}
		reason, level := batch.Words(err)[0], slog.LevelWarn
		if rec.Attempt == 0 { // never started
			level = slog.LevelInfo
		}
		if !to.Enabled(ctx, level) {
			return
		}
		attrs := make([]slog.Attr, 0, 7)
		attrs = append(attrs, slog.String("source", string(rec.Source)), slog.String("id", rec.ID), slog.Int("index", rec.Index))
		if rec.Group != "" {
			attrs = append(attrs, slog.String("group_hash", batch.GroupHash(rec.Group)))
		}
		attrs = append(attrs, slog.Int("attempt", rec.Attempt), slog.String("reason", reason), slog.String("error", batch.Text(err)))
		to.LogAttrs(ctx, level, "troupe: record failed", attrs...)
	})
}

// Duplicates returns an option for a processor: an observer that writes a line to logger for each record that
// package idempotency found to be a duplicate, "troupe: record is a duplicate" at INFO, and for each whose
// completion could not be stored, "troupe: record is done, but unrecorded" at WARN. Their attributes are
// source, id, index and group_hash, as for Failures. A nil logger means slog.Default().
func Duplicates(logger *slog.Logger) troupe.Option {
	return troupe.WithObserver(func(ctx context.Context, report *troupe.Report) {
		if report.Duplicates == 0 && report.Unrecorded == 0 {
			return
		}
		to := logger
		if to == nil {
			to = slog.Default()
		}
		for i, r := range report.Records {
			attrs := []slog.Attr{slog.String("source", string(report.Source)), slog.String("id", r.ID), slog.Int("index", i)}
			if r.Group != "" {
				attrs = append(attrs, slog.String("group_hash", batch.GroupHash(r.Group)))
			}
			if r.Duplicate {
				to.LogAttrs(ctx, slog.LevelInfo, "troupe: record is a duplicate", attrs...)
			}
			if r.Unrecorded {
				to.LogAttrs(ctx, slog.LevelWarn, "troupe: record is done, but unrecorded", attrs...)
			}
		}
	})
}
