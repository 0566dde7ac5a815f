package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/troupe-go/troupe"
)

// newLogger returns a logger that adds the message and the attempt of the context to each line.
func newLogger(w io.Writer) *slog.Logger { return slog.New(recordHandler{slog.NewJSONHandler(w, nil)}) }

type recordHandler struct{ slog.Handler }

func (h recordHandler) Handle(ctx context.Context, line slog.Record) error {
	if rec, ok := troupe.RecordFrom(ctx); ok {
		line.AddAttrs(slog.String("message_id", rec.ID), slog.Int("attempt", rec.Attempt))
	}
	return h.Handler.Handle(ctx, line)
}

func (h recordHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return recordHandler{h.Handler.WithAttrs(attrs)}
}

func (h recordHandler) WithGroup(name string) slog.Handler {
	return recordHandler{h.Handler.WithGroup(name)}
}
