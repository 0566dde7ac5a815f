package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/tools/compare/batches"
	"github.com/troupe-go/troupe/tools/compare/rivals"
)

// footprint is what a process holds on to between batches. The actors of a batch that were left in
// protoactor's registry would show as objects, and handlers left running as goroutines.
type footprint struct {
	Batches, Bytes, Objects, Goroutines int
}

// heap compares the footprint after many batches to that after a few, in a process for each rival that does nothing
// else. Bound is troupe; a rival that starts as many goroutines shows what they alone leave behind.
func heap(o options, w work) (rows []row, err error) {
	for _, rival := range []string{rivals.ErrgroupName, rivals.TroupeName} {
		seen, err := footprints(o, rival)
		if err != nil {
			return nil, err
		}
		for _, f := range seen {
			rows = append(rows, row{work: w.name, rival: fmt.Sprintf("%s, after %s batches", rival, thousands(f.Batches)),
				measured: fmt.Sprintf("%.2f MB, %s objects, %d goroutines", float64(f.Bytes)/1e6, thousands(f.Objects), f.Goroutines)})
		}
		if rival == rivals.TroupeName {
			first, last := seen[0], seen[len(seen)-1]
			rows[len(rows)-1].judge(float64(last.Bytes)/float64(first.Bytes), w.bounds[rival], "%.2f")
		}
	}
	return rows, nil
}

func footprints(o options, rival string) (seen []footprint, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	child := exec.Command(self, "-child", rival, "-quick="+strconv.FormatBool(o.quick))
	child.Stderr = os.Stderr
	out, err := child.Output()
	if err != nil {
		return nil, err
	}
	return seen, json.Unmarshal(out, &seen)
}

// heapChild is the other side of heap.
func heapChild(o options, out io.Writer) error {
	const few, size = 10, 10_000
	rival := kind(o.child).New(noMessage, concurrency)
	var seen []footprint
	done := 0
	for _, until := range slices.Compact([]int{few, max(few, o.batches/10), o.batches}) {
		event := decoded(batches.SQS(size)) // of this step alone, so that it is garbage when the heap is read
		for ; done < until; done++ {
			if _, err := rival.Process(context.Background(), event); err != nil {
				return err
			}
		}
		event.Records = nil
		seen = append(seen, footprintOf(done))
	}
	return json.NewEncoder(out).Encode(seen)
}

func footprintOf(batches int) footprint {
	time.Sleep(100 * time.Millisecond) // the last supervisor may still be on its way out
	for range 3 {                      // pools are emptied by the second collection
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return footprint{batches, int(m.HeapAlloc), int(m.HeapObjects), runtime.NumGoroutine()}
}
