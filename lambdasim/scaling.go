package lambdasim

import (
	"math"
	"time"
)

// ProvisionedPollerConfig sets provisioned mode: the number of event pollers of the mapping. For a Kafka topic,
// MinimumPollers share the partitions: AWS does not document how fast pollers follow the load, so this is not
// simulated.
type ProvisionedPollerConfig struct {
	// MinimumPollers is the initial number of pollers: 2 to 200 for a queue, 1 to 200 for a Kafka topic; 0 means the
	// minimum.
	MinimumPollers int
	// MaximumPollers is the maximum number of pollers: from the minimum to 10,000. 0 means 200.
	MaximumPollers int
}

// Limits of provisioned mode. (API reference, ProvisionedPollerConfig. The Developer Guide, "How Lambda processes
// records from stream and queue-based event sources", still gives 2,000 pollers as the maximum.)
const (
	minQueuePollers, minKafkaPollers = 2, 1
	maxMinPollers, maxMaxPollers     = 200, 10_000
	defaultMaxPollers                = 200
)

// Limits of a poller of a queue, and the rate at which pollers are added. (Developer Guide, "Configuring scaling
// behavior for SQS event source mappings": a poller handles up to 1 MB/s, 10 concurrent invocations and 10 calls a
// second, and up to 1,000 concurrent invocations are added a minute. API reference of SQS, ReceiveMessage: up to 10
// messages a call.)
const (
	pollerConcurrent = 10
	pollerCalls      = 10      // a second
	pollerBytes      = 1 << 20 // a second
	pollerInterval   = time.Minute * pollerConcurrent / 1_000
	callMessages     = 10
)

// checkPollers checks ProvisionedPollerConfig, if set, and fills in its defaults.
func (m *Mapping) checkPollers(c *complaints, least int) {
	if m.ProvisionedPollerConfig == nil {
		return
	}
	p := *m.ProvisionedPollerConfig // a copy: the original is the user's
	if p.MinimumPollers == 0 {
		p.MinimumPollers = least
	}
	if p.MaximumPollers == 0 {
		p.MaximumPollers = defaultMaxPollers
	}
	c.within("ProvisionedPollerConfig.MinimumPollers", p.MinimumPollers, least, maxMinPollers, "")
	c.within("ProvisionedPollerConfig.MaximumPollers", p.MaximumPollers, least, maxMaxPollers, "")
	if p.MinimumPollers > p.MaximumPollers {
		c.add("ProvisionedPollerConfig has MinimumPollers %d, more than MaximumPollers %d", p.MinimumPollers, p.MaximumPollers)
	}
	m.ProvisionedPollerConfig = &p
}

// scaling bounds the concurrent batches of a queue: first of them, and more with every interval with messages, up to
// most.
type scaling struct {
	first, more, most int
	every             time.Duration
	provisioned       bool
}

// scalingOf returns how Lambda scales a queue. (Developer Guide, "Configuring scaling behavior for SQS event source
// mappings": five at first, up to 300 more a minute, up to 1,250 for a mapping. It has no rate for FIFO queues, where
// the message groups are the limit.)
func scalingOf(m Mapping, fifo bool) scaling {
	const most = 1_250
	switch pollers := m.ProvisionedPollerConfig; {
	case pollers != nil:
		return scaling{
			first: pollers.MinimumPollers * pollerConcurrent, more: pollerConcurrent, every: pollerInterval,
			most: pollers.MaximumPollers * pollerConcurrent, provisioned: true,
		}
	case fifo:
		return scaling{first: most, every: time.Second, most: most}
	default:
		return scaling{first: 5, more: 5, every: time.Second, most: most}
	}
}

// after returns the bound on concurrent batches after messages have been available for d.
func (s scaling) after(d time.Duration) int {
	if steps := int64(d / s.every); steps < math.MaxInt32 {
		return min(s.first+s.more*int(steps), s.most)
	}
	return s.most
}

// scaled returns the current bound on concurrent batches.
func (p *queuePoller) scaled() int {
	if p.active.IsZero() {
		p.active = p.engine.now
	}
	return p.scaling.after(p.engine.now.Sub(p.active))
}

// comeBackToScale makes the engine take a turn when the bound rises next, if it will.
func (p *queuePoller) comeBackToScale() {
	since := p.engine.now.Sub(p.active)
	if p.scaling.after(since) < p.scaling.most && (p.scaler == nil || p.scaler.index < 0) {
		p.scaler = p.engine.at(p.active.Add(since.Truncate(p.scaling.every)+p.scaling.every), func() {})
	}
}

// quota counts what provisioned pollers have received in a second.
type quota struct {
	second time.Duration // since the first message was available
	calls  int
	left   int // messages that the last call may still return
	bytes  int
	timer  *timer
}

func (u *quota) newCall() { u.left = 0 }

// use counts a message that adds the given number of bytes to the event.
func (u *quota) use(bytes int) {
	if u.left == 0 {
		u.calls++
		u.left = callMessages
	}
	u.left--
	u.bytes += bytes
}

// mayReceive reports whether the pollers can receive another message in this second. If not, it makes the engine take a
// turn in the next second. Bytes by which the last message of a second exceeds the limit count against the next second.
func (p *queuePoller) mayReceive() bool {
	if !p.scaling.provisioned {
		return true
	}
	u, pollers := &p.quota, p.scaled()/pollerConcurrent
	second := p.engine.now.Sub(p.active).Truncate(time.Second)
	if passed := int((second - u.second) / time.Second); passed > 0 {
		u.second, u.calls, u.left = second, 0, 0
		u.bytes = max(u.bytes-passed*pollers*pollerBytes, 0)
	}
	if (u.left > 0 || u.calls < pollers*pollerCalls) && u.bytes < pollers*pollerBytes {
		return true
	}
	if u.timer == nil || u.timer.index < 0 {
		u.timer = p.engine.at(p.active.Add(second+time.Second), func() {})
	}
	return false
}
