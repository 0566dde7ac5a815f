package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Sizes of a chart, in units of its viewBox, which are about a pixel: four charts fit in a row on a desktop screen and
// one on a phone, so their text stays readable.
const (
	chartWidth  = 300
	chartHeight = 200
	plotLeft    = 46
	plotRight   = chartWidth - 14
	plotTop     = 10
	plotBottom  = chartHeight - 26
)

// chart is one chart, laid out.
type chart struct {
	Title   string
	Kind    string // a class, which gives the colour
	Keys    []key  // the curves, if there is more than one
	Summary string // a description in words
	Empty   bool   // nothing to draw
	Area    string // path data
	Line    string // path data
	Bars    []box
	Hover   []box // tell their values
	XTicks  []tick
	YTicks  []tick
}

type key struct{ Class, Name string }

type tick struct {
	At   string
	Text string
}

type box struct{ X, Y, Width, Height, Title string }

// maxPoints bounds the points of a series: more would be narrower than two pixels.
const maxPoints = 120

// span is a range of steps that is drawn as one point.
type span struct {
	from, to time.Duration
	first    int // step
	last     int // step, not in the span
}

// spans divides the steps of the source into at most maxPoints ranges, the same for all of its charts.
func spans(s Source) []span {
	steps, step := max(len(s.Handled), len(s.Succeeded), len(s.Redelivered), len(s.InFlight)), s.Step
	if step <= 0 {
		return nil
	}
	each := (steps + maxPoints - 1) / maxPoints
	var all []span
	for first := 0; first < steps; first += each {
		last := min(first+each, steps)
		all = append(all, span{from: time.Duration(first) * step, to: time.Duration(last) * step, first: first, last: last})
	}
	return all
}

// of returns the part of the series in the span.
func (s span) of(series []int) []int {
	return series[min(s.first, len(series)):min(s.last, len(series))]
}

func (s span) sum(series []int) float64 {
	sum := 0
	for _, n := range s.of(series) {
		sum += n
	}
	return float64(sum)
}

func (s span) perSecond(series []int) float64 { return s.sum(series) / (s.to - s.from).Seconds() }

func (s span) most(series []int) float64 {
	most := 0
	for _, n := range s.of(series) {
		most = max(most, n)
	}
	return float64(most)
}

func (s span) String() string {
	unit := unitOf(s.to)
	return unit.in(s.from) + " to " + unit.in(s.to)
}

func throughputChart(s Source) chart {
	c := chart{Title: "Throughput, per second", Kind: "throughput", Keys: []key{{"area", "succeeded"}, {"line", "attempts"}}}
	all := spans(s)
	ended, succeeded := make([]float64, len(all)), make([]float64, len(all))
	for i, part := range all {
		ended[i], succeeded[i] = part.perSecond(s.Handled), part.perSecond(s.Succeeded)
	}
	most := largest(append(succeeded, ended...))
	if !c.overTime(all, most) {
		return c
	}
	y := c.y(most, 0)
	c.Area, c.Line = area(succeeded, y), steps(ended, y)
	for i, part := range all {
		c.hover(i, len(all), fmt.Sprintf("%v: %s attempts ended and %s records succeeded per second", part, short(ended[i]), short(succeeded[i])))
	}
	c.Summary = fmt.Sprintf("Throughput over time: up to %s attempts ended and %s records succeeded per second.", short(largest(ended)), short(largest(succeeded)))
	return c
}

func inFlightChart(s Source) chart {
	c := chart{Title: "Running handlers", Kind: "flight"}
	all := spans(s)
	most := make([]float64, len(all))
	for i, part := range all {
		most[i] = part.most(s.InFlight)
	}
	if !c.overTime(all, largest(most)) {
		return c
	}
	c.Area = area(most, c.y(largest(most), 1))
	for i, part := range all {
		c.hover(i, len(all), fmt.Sprintf("%v: at most %s at once", part, short(most[i])))
	}
	c.Summary = fmt.Sprintf("Running handlers over time: at most %s at once.", short(largest(most)))
	return c
}

func redeliveredChart(s Source) chart {
	c := chart{Title: "Redelivered records", Kind: "again"}
	all := spans(s)
	again, total := make([]float64, len(all)), 0.0
	for i, part := range all {
		again[i] = part.sum(s.Redelivered)
		total += again[i]
	}
	if !c.overTime(all, largest(again)) {
		return c
	}
	c.columns(again, c.y(largest(again), 1))
	for i, part := range all {
		c.hover(i, len(all), fmt.Sprintf("%v: %s redelivered", part, short(again[i])))
	}
	if len(all) > 1 {
		c.Title += " per " + durationText(all[0].to)
	}
	c.Summary = fmt.Sprintf("Redelivered records over time: %s in total.", short(total))
	return c
}

// latencyChart returns a histogram whose first bucket begins at lower.
func latencyChart(lower time.Duration, buckets []Bucket) chart {
	c := chart{Title: "Latency, number of records", Kind: "latency"}
	counts := make([]float64, len(buckets))
	for i, b := range buckets {
		counts[i] = float64(b.Count)
	}
	most := largest(counts)
	if most == 0 {
		c.Empty = true
		c.Summary = c.Title + ": no data."
		return c
	}
	c.columns(counts, c.y(most, 1))
	width := float64(plotRight-plotLeft) / float64(len(buckets))
	every := int(math.Ceil(44 / width)) // labels side by side
	for i := 0; i <= len(buckets); i += every {
		text := durationText(lower)
		if i > 0 {
			text = boundText(buckets[i-1].UpTo)
		}
		c.XTicks = append(c.XTicks, tick{coordinate(plotLeft + float64(i)*width), text})
	}
	tallest := 0
	for i, b := range buckets {
		from := lower
		if i > 0 {
			from = buckets[i-1].UpTo
		}
		c.hover(i, len(buckets), fmt.Sprintf("%s to %s: %s", durationText(from), boundText(b.UpTo), thousands(b.Count)))
		if b.Count > buckets[tallest].Count {
			tallest = i
		}
	}
	c.Summary = "Histogram of latencies; most are " + c.Hover[tallest].Title + "."
	return c
}

// trim removes the empty buckets at both ends and returns the lower bound of the first remaining one.
func trim(buckets []Bucket) (lower time.Duration, rest []Bucket) {
	for len(buckets) > 0 && buckets[0].Count <= 0 {
		lower, buckets = buckets[0].UpTo, buckets[1:]
	}
	for len(buckets) > 0 && buckets[len(buckets)-1].Count <= 0 {
		buckets = buckets[:len(buckets)-1]
	}
	return lower, buckets
}

func boundText(d time.Duration) string {
	if d == Unbounded {
		return "more"
	}
	return durationText(d)
}

// overTime adds the time axis to the chart, or marks the chart as empty.
func (c *chart) overTime(all []span, most float64) bool {
	if most <= 0 {
		c.Empty, c.Keys = true, nil
		c.Summary = c.Title + ": no data."
		return false
	}
	end := all[len(all)-1].to
	unit := unitOf(end)
	length := float64(end) / float64(unit.size)
	step := niceStep(length, 5)
	for i := 0; float64(i)*step <= length*1.0001; i++ {
		at := float64(i) * step
		c.XTicks = append(c.XTicks, tick{
			coordinate(plotLeft + at/length*(plotRight-plotLeft)),
			strconv.FormatFloat(roundTo(at, 6), 'f', -1, 64) + " " + unit.name,
		})
	}
	return true
}

// y adds the value axis up to most to the chart, in steps of at least least, and returns the function that maps a value
// to its position.
func (c *chart) y(most, least float64) func(float64) float64 {
	step := max(least, niceStep(most, 4))
	top := math.Ceil(most/step) * step
	place := func(v float64) float64 { return plotBottom - v/top*(plotBottom-plotTop) }
	for i := 0; float64(i)*step <= top; i++ {
		c.YTicks = append(c.YTicks, tick{coordinate(place(float64(i) * step)), short(float64(i) * step)})
	}
	return place
}

// niceStep returns 1, 2 or 5 times a power of ten, which divides length into at most about n parts.
func niceStep(length float64, n int) float64 {
	least := length / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(least)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= least {
			return f * power
		}
	}
	return 10 * power
}

func (c *chart) columns(values []float64, y func(float64) float64) {
	width := float64(plotRight-plotLeft) / float64(len(values))
	gap := min(2, width/5)
	for i, v := range values {
		if v > 0 {
			top := min(y(v), plotBottom-1.5) // a few next to very many stay visible
			c.Bars = append(c.Bars, box{
				X: coordinate(plotLeft + float64(i)*width + gap/2), Y: coordinate(top),
				Width: coordinate(width - gap), Height: coordinate(plotBottom - top),
			})
		}
	}
}

// hover adds the title of the i-th of n points.
func (c *chart) hover(i, n int, title string) {
	width := float64(plotRight-plotLeft) / float64(n)
	c.Hover = append(c.Hover, box{X: coordinate(plotLeft + float64(i)*width), Width: coordinate(width), Title: title})
}

// steps returns a line that keeps each value for its whole step.
func steps(values []float64, y func(float64) float64) string {
	var path strings.Builder
	width := float64(plotRight-plotLeft) / float64(len(values))
	for i, v := range values {
		verb := "V"
		if i == 0 {
			verb = "M" + coordinate(plotLeft) + " "
		}
		path.WriteString(verb + coordinate(y(v)) + "H" + coordinate(plotLeft+float64(i+1)*width))
	}
	return path.String()
}

func area(values []float64, y func(float64) float64) string {
	return steps(values, y) + "V" + coordinate(plotBottom) + "H" + coordinate(plotLeft) + "Z"
}

func largest(values []float64) float64 {
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	return most
}

func coordinate(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}
