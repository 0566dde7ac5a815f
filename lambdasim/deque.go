package lambdasim

// deque is a queue that releases the memory of removed values.
type deque[T any] struct {
	items []T
	head  int
}

func (d *deque[T]) len() int { return len(d.items) - d.head }

func (d *deque[T]) push(x T) { d.items = append(d.items, x) }

func (d *deque[T]) front() T { return d.items[d.head] }

// at returns the i-th value from the front.
func (d *deque[T]) at(i int) T { return d.items[d.head+i] }

// set replaces the i-th value from the front.
func (d *deque[T]) set(i int, x T) { d.items[d.head+i] = x }

func (d *deque[T]) pop() T {
	x := d.items[d.head]
	d.drop(1)
	return x
}

// unpop puts a value back at the front, after a pop.
func (d *deque[T]) unpop(x T) {
	if d.head == 0 {
		d.items = append([]T{x}, d.items...)
		return
	}
	d.head--
	d.items[d.head] = x
}

// drop removes n values from the front.
func (d *deque[T]) drop(n int) {
	clear(d.items[d.head : d.head+n])
	d.head += n
	if d.head > len(d.items)/2 {
		kept := copy(d.items, d.items[d.head:])
		clear(d.items[kept:])
		d.items = d.items[:kept]
		d.head = 0
	}
}
