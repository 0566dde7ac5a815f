package serial

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// calls are the values that a queue has passed on.
type calls struct {
	mu   sync.Mutex
	made []int
}

func (c *calls) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, n)
}

func (c *calls) all() []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.made)
}

func newQueue(call func(int)) *Queue[int]   { return &Queue[int]{Call: call} }
func newStaying(call func(int)) *Queue[int] { return &Queue[int]{Call: call, Stays: true} }

func (q *Queue[T]) isRunning() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running
}

// Calls are made one after the other, in order, whatever is added meanwhile.
func TestCallsAreMadeInOrderOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			q       *Queue[int]
			got     calls
			working int
		)
		q = newQueue(func(n int) {
			working++
			assert.Equal(t, 1, working)
			if n < 10 {
				q.Add(n + 10)
			}
			time.Sleep(time.Second)
			got.add(n)
			working--
		})
		for n := range 3 {
			q.Add(n)
		}
		synctest.Wait()
		assert.Empty(t, got.all(), "Add does not wait")
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, []int{0, 1, 2, 10, 11, 12}, got.all())
		assert.False(t, q.isRunning(), "the goroutine has ended")
		q.Add(20)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, 20, got.all()[len(got.all())-1], "another one is started")
	})
}

// A call that ends its goroutine takes no other call with it, and none that is added later.
func TestACallThatExitsTakesNoOtherWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got calls
		q := newQueue(func(n int) {
			got.add(n)
			if n%2 == 0 {
				runtime.Goexit()
			}
		})
		for n := range 5 {
			q.Add(n)
		}
		synctest.Wait()
		q.Add(5)
		synctest.Wait()
		assert.Equal(t, []int{0, 1, 2, 3, 4, 5}, got.all())
		assert.False(t, q.isRunning())
	})
}

// The first call is made on the caller's goroutine; what is added during it waits for its end, even if it exits.
func TestTheFirstCallIsTheCallers(t *testing.T) {
	for _, exits := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var (
				q   *Queue[int]
				got calls
			)
			q = newQueue(func(n int) {
				if n == 0 {
					q.Add(1)
					time.Sleep(time.Second)
				}
				got.add(n)
				if exits {
					runtime.Goexit()
				}
			})
			returned := false
			go func() {
				q.First(0)
				returned = true
			}()
			time.Sleep(time.Second / 2)
			synctest.Wait()
			assert.Empty(t, got.all())
			time.Sleep(time.Second)
			synctest.Wait()
			assert.Equal(t, exits, !returned, "the caller's goroutine makes the call")
			assert.Equal(t, []int{0, 1}, got.all())
		})
	}
}

// AddHere makes the calls on the goroutine of its caller, and those that come up meanwhile, also if the queue's own
// goroutine would stay. If a goroutine is at work already, AddHere leaves the value to it.
func TestAddHereCallsOnTheGoroutineOfItsCaller(t *testing.T) {
	for name, create := range map[string]func(func(int)) *Queue[int]{"ends": newQueue, "stays": newStaying} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var (
					q   *Queue[int]
					got calls
				)
				q = create(func(n int) {
					if n == 0 {
						q.Add(1)
					}
					time.Sleep(time.Second)
					got.add(n)
				})
				start := time.Now()
				q.AddHere(0)
				assert.Equal(t, []int{0, 1}, got.all())
				assert.Equal(t, 2*time.Second, time.Since(start))

				q.Add(2)
				q.AddHere(3)
				assert.Equal(t, 2*time.Second, time.Since(start), "the goroutine that makes 2 makes 3")
				time.Sleep(3 * time.Second)
				assert.Equal(t, []int{0, 1, 2, 3}, got.all())

				q.Close()
				q.AddHere(4)
				synctest.Wait()
				assert.Equal(t, []int{0, 1, 2, 3}, got.all())
			})
		})
	}
}

// A call of AddHere that ends its goroutine takes no other call with it.
func TestAddHereSurvivesGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			q   *Queue[int]
			got calls
		)
		q = newQueue(func(n int) {
			got.add(n)
			if n == 0 {
				q.Add(1)
				runtime.Goexit()
			}
		})
		go q.AddHere(0)
		synctest.Wait()
		assert.Equal(t, []int{0, 1}, got.all())
	})
}

// A closed queue makes no more calls, whenever the values were added.
func TestAClosedQueueDropsItsValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			q   *Queue[int]
			got calls
		)
		q = newQueue(func(n int) {
			got.add(n)
			q.Close()
		})
		q.Add(0)
		q.Add(1)
		synctest.Wait()
		q.Add(2)
		synctest.Wait()
		assert.Equal(t, []int{0}, got.all())
		assert.False(t, q.isRunning())
		assert.Empty(t, q.waiting)
	})
}

// A queue that stays makes all calls on one goroutine, from the first Add until Close.
func TestAStayingQueueKeepsItsGoroutineUntilClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got calls
		q := newStaying(func(n int) { got.add(n) })
		assert.False(t, q.isRunning(), "nothing was added")
		for n := range 3 {
			q.Add(n)
			synctest.Wait()
			assert.True(t, q.isRunning(), "it waits for more")
		}
		assert.Equal(t, []int{0, 1, 2}, got.all())
		q.Close()
		synctest.Wait()
		assert.False(t, q.isRunning(), "it has ended")
		q.Add(3)
		synctest.Wait()
		assert.Equal(t, []int{0, 1, 2}, got.all())
	})
}
