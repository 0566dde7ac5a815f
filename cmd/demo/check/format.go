package check

import (
	"encoding/json"
	"io"
)

// WriteJSON writes a report as one JSON object.
func (r Report) WriteJSON(w io.Writer) error {
	type finding struct {
		Rule    string `json:"rule"`
		Status  string `json:"status"` // fault or not_known
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Subject string `json:"subject"`
		Message string `json:"message"`
		Title   string `json:"title"`
		Help    string `json:"help"`
		Page    string `json:"page"`
	}
	report := struct {
		Findings []finding `json:"findings"`
		Faults   int       `json:"faults"`
		Open     int       `json:"not_known"`
		Files    int       `json:"files"`
		Mappings int       `json:"event_source_mappings"`
		Pipes    int       `json:"pipes"`
		Queues   int       `json:"queues"`
	}{Findings: []finding{}, Files: r.Files, Mappings: r.Mappings, Pipes: r.Pipes, Queues: r.Queues}
	report.Faults, report.Open = r.Faults()
	for _, f := range r.Findings {
		report.Findings = append(report.Findings, finding{
			f.Rule.ID, f.status(), f.File, f.Line, f.Column, f.Subject, f.Message, f.Rule.Title, f.Rule.Help, f.Rule.Page,
		})
	}
	return encode(w, report)
}

func (f Finding) status() string {
	if f.Known {
		return "fault"
	}
	return "not_known"
}

func encode(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
