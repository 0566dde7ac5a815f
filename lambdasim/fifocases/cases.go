package fifocases

import "time"

// Case is a sequence of calls on a separate FIFO queue.
type Case struct {
	// Name is the name of the recorded test.
	Name string
	// Recorded is the day of the recording, such as "2025-11-19"; empty if it is not known.
	Recorded string
	// Visibility is the queue's visibility timeout.
	Visibility time.Duration
	Steps      []Step
}

// Step is a call, or a pause. One of its fields is set.
type Step struct {
	// Send sends messages, one after the other. A body such as "g1-m2" is of the group "g1".
	Send []string
	// Receive receives messages.
	Receive *Receive
	// Delete deletes a message by its last receipt.
	Delete *Delete
	// Change changes the visibility timeout of a message by its last receipt.
	Change *Change
	// Wait pauses for a time.
	Wait time.Duration
}

// Receive is a receive and its result.
type Receive struct {
	// Max bounds the received messages.
	Max int
	// Visibility replaces the queue's visibility timeout unless it is negative.
	Visibility time.Duration
	// Want lists the returned bodies. Those of a group are in this order and adjacent; the order of groups is not
	// recorded, since AWS promises none.
	Want []string
}

// Delete deletes a message.
type Delete struct {
	Body string
	// Refused: the call returns an error.
	Refused bool
}

// Change changes the visibility timeout of a message, which counts from the call.
type Change struct {
	Body    string
	Timeout time.Duration
}

func send(bodies ...string) Step { return Step{Send: bodies} }

func receive(most int, want ...string) Step {
	return Step{Receive: &Receive{Max: most, Visibility: -1, Want: want}}
}

func receiveFor(visibility time.Duration, most int, want ...string) Step {
	return Step{Receive: &Receive{Max: most, Visibility: visibility, Want: want}}
}

func remove(body string) Step { return Step{Delete: &Delete{Body: body}} }

func change(body string, timeout time.Duration) Step { return Step{Change: &Change{body, timeout}} }

func wait(d time.Duration) Step { return Step{Wait: d} }

// All returns the cases.
func All() []Case {
	const s = time.Second
	extended := func(name, body string, want ...string) Case {
		return Case{"test_fifo_group_visibility_extends_with_change_message_visibility[" + name + "]", "2025-11-19", s, []Step{
			send("g1-foo", "g1-bar", "g1-baz"),
			receive(5, "g1-foo", "g1-bar", "g1-baz"),
			change(body, 4*s),
			wait(2500 * time.Millisecond), // the others are visible again
			receive(5, want...),
		}}
	}
	mixed := send("g1-m1", "g2-m1", "g1-m2", "g2-m2", "g1-m3", "g1-m4", "g3-m1")
	return []Case{
		{"test_fifo_message_group_visibility", "", 60 * s, []Step{
			send("g1-m1"),
			receive(1, "g1-m1"),
			send("g1-m2"),
			receive(1),
			remove("g1-m1"),
			receive(1, "g1-m2"),
		}},
		{"test_fifo_messages_in_order_after_timeout", "", s, []Step{
			send("g1-m0", "g1-m1", "g1-m2"),
			receive(10, "g1-m0", "g1-m1", "g1-m2"),
			wait(2 * s),
			receive(10, "g1-m0", "g1-m1", "g1-m2"),
		}},
		{"test_fifo_receive_message_group_id_ordering", "", 30 * s, []Step{
			send("g1-m1", "g2-m1", "g1-m2", "g1-m3"),
			receive(10, "g1-m1", "g1-m2", "g1-m3", "g2-m1"),
		}},
		{"test_fifo_receive_message_visibility_timeout_shared_in_group", "", s, []Step{
			send("g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1", "g3-m1"),
			receive(2, "g1-m1", "g1-m2"),
			receive(1, "g2-m1"),
			wait(2 * s),
			receiveFor(0, 10, "g3-m1", "g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1"),
		}},
		{"test_fifo_receive_message_with_zero_visibility_timeout", "", 30 * s, []Step{
			send("g1-m1", "g2-m1", "g2-m2", "g3-m1", "g1-m2"),
			receiveFor(0, 3, "g1-m1", "g1-m2", "g2-m1"),
			receiveFor(0, 10, "g3-m1", "g1-m1", "g1-m2", "g2-m1", "g2-m2"),
		}},
		{"test_fifo_message_group_visibility_after_terminate_visibility_timeout", "", 30 * s, []Step{
			send("g1-m1", "g1-m2", "g2-m1"),
			receive(2, "g1-m1", "g1-m2"),
			change("g1-m1", 0),
			receive(3, "g2-m1", "g1-m1"),
		}},
		{"test_fifo_message_group_visibility_after_change_message_visibility", "2025-11-17", 30 * s, []Step{
			send("g1-m1", "g1-m2", "g2-m1"),
			receive(2, "g1-m1", "g1-m2"),
			change("g1-m1", s),
			wait(2 * s),
			receive(3, "g2-m1", "g1-m1"),
		}},
		extended("0-visible", "g1-foo"),
		extended("1-visible", "g1-bar", "g1-foo"),
		extended("2-visible", "g1-baz", "g1-foo", "g1-bar"),
		{"test_fifo_message_group_visibility_after_delete", "", 30 * s, []Step{
			mixed,
			receive(2, "g1-m1", "g1-m2"),
			remove("g1-m1"),
			remove("g1-m2"),
			receive(10, "g2-m1", "g2-m2", "g1-m3", "g1-m4", "g3-m1"),
		}},
		{"test_fifo_message_group_visibility_after_partial_delete", "", 30 * s, []Step{
			mixed,
			receive(2, "g1-m1", "g1-m2"),
			remove("g1-m1"),
			receive(10, "g2-m1", "g2-m2", "g3-m1"),
		}},
		{"test_fifo_delete_after_visibility_timeout", "2025-03-28", s, []Step{
			send("g1-foobar"),
			receive(1, "g1-foobar"),
			wait(s),
			{Delete: &Delete{Body: "g1-foobar", Refused: true}},
		}},
		{"test_fifo_delete_after_visibility_timeout_extended", "2025-10-05", s, []Step{
			send("g1-foobar"),
			receive(1, "g1-foobar"),
			change("g1-foobar", 5*s),
			wait(1500 * time.Millisecond),
			remove("g1-foobar"),
			receive(1),
		}},
	}
}
