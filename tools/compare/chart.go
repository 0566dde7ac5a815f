package main

import (
	"os"
	"text/template"

	"github.com/troupe-go/troupe/tools/compare/rivals"
)

// The chart is drawn by hand and not by a plotting library: it is nothing but bars, and none of the
// libraries can let one picture follow the reader's light or dark background.

// charted are the works in the chart, and what to call them there.
var charted = []struct{ work, title string }{
	{"decoded, SQS, 1,000 records", "A function of decoded JSON bodies: 1,000 SQS messages, bytes in, bytes out. Time a message"},
	{"decoded, SQS, 10 records", "The same with 10 messages"},
	{"processing, SQS, 10,000 records", "What running them costs: 10,000 decoded messages, no-op handler, 64 at once. Time a message"},
	{"1 ms handler, SQS, 1,000 records", "With a handler that takes 1 ms: 1,000 decoded messages, 64 at once. Time a message"},
}

// Sizes in the chart, in pixels.
const (
	chartWidth = 760
	nameWidth  = 190 // of the column of names
	valueWidth = 80  // kept free behind the longest bar
	rowHeight  = 24
	headHeight = 44
)

type bar struct {
	Name, Value string
	Y, Width    float64
	Ours        bool
}

type panel struct {
	Title string
	Y     float64
	Bars  []bar
}

// panels lays the rows of the charted works out.
func panels(rows []row) (all []panel, height float64) {
	for _, c := range charted {
		p := panel{Title: c.title, Y: height + 28}
		longest := 0.0
		var chosen []row
		for _, r := range rows {
			if r.work == c.work && r.nanoseconds > 0 {
				chosen = append(chosen, r)
				longest = max(longest, r.nanoseconds)
			}
		}
		if len(chosen) == 0 {
			continue
		}
		height += headHeight
		for _, r := range chosen {
			p.Bars = append(p.Bars, bar{
				Name: r.rival, Value: duration(r.nanoseconds), Y: height, Ours: r.rival == rivals.TroupeName,
				Width: max(1, r.nanoseconds/longest*(chartWidth-nameWidth-valueWidth)),
			})
			height += rowHeight
		}
		all = append(all, p)
	}
	return all, height + 34
}

var chart = template.Must(template.New("chart").Funcs(template.FuncMap{
	"add": func(a, b float64) float64 { return a + b },
}).Parse(`<svg xmlns="http://www.w3.org/2000/svg" width="{{.Width}}" height="{{.Height}}" viewBox="0 0 {{.Width}} {{.Height}}" role="img" aria-label="troupe compared with other ways to process a batch: time a message, shorter is better">
<style>
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
  .title { font-weight: 600 }
  .name { text-anchor: end }
  .note { font-size: 11px; fill: #59636e }
  rect { fill: #afb8c1 }
  .ours rect { fill: #0969da }
  .ours text { font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .note { fill: #9198a1 }
    rect { fill: #57606a }
    .ours rect { fill: #58a6ff }
  }
</style>
{{- range .Panels}}
<text class="title" x="0" y="{{.Y}}">{{html .Title}}</text>
{{- range .Bars}}
<g{{if .Ours}} class="ours"{{end}}><text class="name" x="{{$.Names}}" y="{{add .Y 15}}">{{html .Name}}</text><rect x="{{$.Bars}}" y="{{add .Y 2}}" width="{{printf "%.1f" .Width}}" height="17" rx="2"/><text x="{{printf "%.1f" (add (add .Width $.Bars) 7)}}" y="{{add .Y 15}}">{{html .Value}}</text></g>
{{- end}}
{{- end}}
<text class="note" x="0" y="{{.Note}}">Shorter is better. Medians; {{html .Machine}}</text>
</svg>
`))

func writeChart(file string, rows []row, machine string) error {
	all, height := panels(rows)
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	err = chart.Execute(out, map[string]any{
		"Width": chartWidth, "Height": height, "Panels": all, "Machine": machine,
		"Names": float64(nameWidth - 10), "Bars": float64(nameWidth), "Note": height - 8,
	})
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}
