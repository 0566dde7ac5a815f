package cli

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// isTerminal reports whether w is a terminal.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

const progressInterval = 100 * time.Millisecond

// progress draws a bar while trials run. The zero value draws none.
type progress struct {
	ended   chan struct{}
	running sync.WaitGroup
}

// startProgress draws a bar on a terminal, and nothing elsewhere. stop ends it.
func startProgress(terminal bool, w io.Writer, load workload, trials []*trial) *progress {
	p := &progress{ended: make(chan struct{})}
	if !terminal {
		return p
	}
	began := time.Now()
	settled := func() (n int64) {
		for _, t := range trials {
			n += t.tally.Settled()
		}
		return n
	}
	done, total, unit := settled, int64(load.records), "records"
	if total == 0 && load.duration > 0 {
		done, total, unit = func() int64 { return int64(time.Since(began).Seconds()) }, int64(load.duration.Seconds()), "seconds"
	}
	if total == 0 {
		total = -1 // a spinner
	}
	bar := progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(30),
		progressbar.OptionSetDescription(unit), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetRenderBlankState(true))
	p.running.Go(func() {
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		for {
			select {
			case <-p.ended:
				_ = bar.Finish()
				return
			case <-ticker.C:
				// Not to the end, where the bar would disappear.
				n := done()
				if total > 0 {
					n = min(n, total-1)
				}
				_ = bar.Set64(n)
			}
		}
	})
	return p
}

// stop removes the bar.
func (p *progress) stop() {
	close(p.ended)
	p.running.Wait()
}
