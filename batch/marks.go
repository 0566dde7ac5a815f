package batch

// marks is what an error means to troupe: whether it says to drop the record, whether another attempt is
// pointless, and which reasons it has.
//
// An error may be a tree. A mark applies to what it wraps and to nothing beside that: it counts where it is on
// the chain of single Unwrap() error methods, and a join has the marks that every branch of it has. So a mark
// in one branch never turns the failure of another branch into something else: of
// errors.Join(audit(m), charge(m)) a Drop by audit says nothing of charge.
type marks uint32

// Reasons are marks too: 1 << reason.
const (
	markDrop      marks = 1 << 31
	markPermanent marks = 1 << 30
)

// maxLinks bounds the errors that marksOf looks at. Unwrap methods are the user's: a chain may lead back to its
// start, or never end. What is behind the bound has no marks.
const maxLinks = 1000

// marksOf reads the marks of err. It calls the Unwrap methods of the error's types and nothing else of theirs. A
// panic of one ends the reading: nothing that was read counts then.
func marksOf(err error) (m marks) {
	defer func() {
		if recover() != nil {
			m = 0
		}
	}()
	left := maxLinks
	return readMarks(err, &left)
}

func readMarks(err error, left *int) (m marks) {
	for err != nil && *left > 0 {
		*left--
		switch e := err.(type) {
		case Reason:
			return m | e.mark()
		case *because:
			m |= e.reason.mark()
			err = e.cause
			continue
		case *EventError:
			return m | ErrEvent.mark()
		case *DecodeError:
			return m | ErrUndecodable.mark() | markPermanent
		case *told:
			return m | e.marks
		case *PanicError:
			// A panic is a failure, whatever it is called with. Whether to try again is another matter.
			if e.text != "" {
				return m | ErrPanic.mark() | e.marks
			}
			inner, _ := e.Value.(error)
			return m | ErrPanic.mark() | readMarks(inner, left)&markPermanent
		case permanent:
			m |= markPermanent
			err = e.error
			continue
		case dropped:
			m |= markDrop
			err = e.error
			continue
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			return m | readJoin(e.Unwrap(), left)
		default:
			return m
		}
	}
	return m
}

// readJoin returns the marks that every branch has.
func readJoin(branches []error, left *int) marks {
	all, some := ^marks(0), false
	for _, branch := range branches {
		if branch == nil {
			continue
		}
		some = true
		if all &= readMarks(branch, left); all == 0 {
			break
		}
	}
	if !some {
		return 0
	}
	return all
}

func (r Reason) mark() marks {
	if r == 0 || int(r) >= len(reasonTexts) {
		return 0
	}
	return 1 << r
}

// IsDrop reports whether the error says to drop the record: Drop marked it, or an error that it wraps by a chain
// of Unwrap() error methods, or every branch of a join. A mark in one branch of a join does not count: another
// branch may be a failure. Nor does one that a handler panicked with.
func IsDrop(err error) bool { return marksOf(err)&markDrop != 0 }

// IsPermanent reports whether another attempt in this invocation is pointless: the error was marked by
// Permanent, or the record cannot be decoded. Of a join every branch must say so.
func IsPermanent(err error) bool { return marksOf(err)&markPermanent != 0 }

// Cause splits the error of a reported record into the reasons that troupe added and the handler's own error. It
// calls no method of the handler's error. The cause is nil if there is no error of the handler.
func Cause(err error) (reasons []Reason, cause error) {
	for {
		switch e := err.(type) {
		case *because:
			reasons = append(reasons, e.reason)
			err = e.cause
		case Reason:
			return append(reasons, e), nil
		default:
			return reasons, err
		}
	}
}
