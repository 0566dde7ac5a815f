package emf

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/troupe-go/troupe"
)

// metric is one of the numbers in a line.
type metric struct {
	name, unit string
	of         func(*troupe.Report) float64
}

// rare are the metrics of features that most functions do not use. CloudWatch charges for each metric, so a line
// has them only if one is not 0.
func rare() []metric {
	return []metric{
		{"Duplicates", "Count", func(r *troupe.Report) float64 { return float64(r.Duplicates) }},
		{"Unrecorded", "Count", func(r *troupe.Report) float64 { return float64(r.Unrecorded) }},
	}
}

// isRare reports whether a batch has a metric of rare.
func isRare(r *troupe.Report) bool { return r.Duplicates > 0 || r.Unrecorded > 0 }

// metrics are those of every line: 7, where the specification allows 100.
func metrics() []metric {
	return []metric{
		{"Processed", "Count", func(r *troupe.Report) float64 { return float64(len(r.Records) - r.NotStarted) }},
		{"Failed", "Count", func(r *troupe.Report) float64 { return float64(r.Failed) }},
		{"Dropped", "Count", func(r *troupe.Report) float64 { return float64(r.Dropped) }},
		{"NotStarted", "Count", func(r *troupe.Report) float64 { return float64(r.NotStarted) }},
		{"Retried", "Count", func(r *troupe.Report) float64 { return float64(r.Retried) }},
		{"Abandoned", "Count", func(r *troupe.Report) float64 { return float64(r.Abandoned) }},
		{"Duration", "Milliseconds", func(r *troupe.Report) float64 {
			return float64(r.Duration.Round(time.Microsecond).Microseconds()) / 1000
		}},
	}
}

// layout is a line without what changes from batch to batch.
type layout struct {
	head    string // up to the timestamp
	middle  string // from there to the value of the source
	metrics []metric
}

// layout lays the line out. The values of the fixed dimensions come before the source's.
func (c *config) layout(namespace string, metrics []metric) layout {
	type definition struct {
		Name string
		Unit string
	}
	type directive struct {
		Namespace  string
		Dimensions [][]string
		Metrics    []definition
	}
	l := layout{head: `{"_aws":{"Timestamp":`, metrics: metrics}
	d := directive{Namespace: namespace, Dimensions: c.sets}
	for _, m := range l.metrics {
		d.Metrics = append(d.Metrics, definition{m.name, m.unit})
	}
	l.middle = `,"CloudWatchMetrics":` + asJSON([]directive{d}) + `}`
	for _, dim := range c.fixed {
		l.middle += `,` + asJSON(dim.name) + `:` + asJSON(dim.value)
	}
	l.middle += `,` + asJSON(sourceDimension) + `:`
	return l
}

// appendLine appends the line of a batch, newline and all.
func (l *layout) appendLine(line []byte, r *troupe.Report, now time.Time) []byte {
	line = append(line, l.head...)
	line = strconv.AppendInt(line, now.UnixMilli(), 10)
	line = append(line, l.middle...)
	line = append(line, asJSON(r.Source)...)
	for _, m := range l.metrics {
		line = append(append(append(line, `,"`...), m.name...), `":`...)
		line = strconv.AppendFloat(line, m.of(r), 'f', -1, 64)
	}
	return append(line, "}\n"...)
}

// asJSON returns v, which consists of strings, as JSON.
func asJSON[T any](v T) string {
	text, _ := json.Marshal(v) // never fails for strings
	return string(text)
}
