package batch

// marks describes an error: whether it drops the record, whether another attempt is pointless, and which
// reasons it has.
//
// An error may be a tree. A mark applies only to the error it wraps: it counts along the chain of Unwrap()
// error methods, and a join has a mark only if every branch has it. So a mark in one branch never changes the
// failure of another: in errors.Join(audit(m), charge(m)), a Drop by audit does not affect charge.
type marks uint32

// Reasons are marks too: 1 << reason.
const (
	markDrop      marks = 1 << 31
	markPermanent marks = 1 << 30
)

// maxLinks bounds the errors that marksOf looks at. Unwrap methods are the user's: a chain may lead back to its
// start, or never end. What is behind the bound has no marks.
const maxLinks = 1000

// marksOf reads the marks of err. It calls only the Unwrap methods of the user's errors. If one panics, nothing
// that was read counts.
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
			// A panic is a failure, whatever its value. Whether to retry it is a separate decision.
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

// IsDrop reports whether err drops the record: Drop marked it, or an error that it wraps by a chain of Unwrap()
// error methods, or every branch of a join. A mark in only one branch of a join does not count, since another
// branch may be a failure, and neither does the mark of an error that a handler panicked with.
func IsDrop(err error) bool { return marksOf(err)&markDrop != 0 }

// IsPermanent reports whether another attempt in this invocation is pointless: the error was marked by
// Permanent, or the record cannot be decoded. For a join, this must hold for every branch.
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
