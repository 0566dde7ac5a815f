package guard

import (
	"runtime"
	"sync"
)

// MaxStack bounds the text of a stack, in bytes.
const MaxStack = 8 << 10

// A batch of 10,000 records whose handlers panic panics at one place, or at a few. So there is one text for each
// place, and a bound on the number of places.
const (
	maxFrames = 32
	maxPlaces = 64
)

var places struct {
	sync.Mutex
	texts map[[maxFrames]uintptr][]byte
}

// stack returns the stack of the panic that the calling function's caller has recovered from. The goroutine and the
// arguments in it are those of the first panic of that place.
func stack() []byte {
	var place [maxFrames]uintptr
	runtime.Callers(3, place[:])
	places.Lock()
	defer places.Unlock()
	if text, known := places.texts[place]; known {
		return text
	}
	text := make([]byte, MaxStack)
	text = text[:runtime.Stack(text, false)]
	if places.texts == nil || len(places.texts) == maxPlaces {
		places.texts = make(map[[maxFrames]uintptr][]byte)
	}
	places.texts[place] = text[:len(text):len(text)]
	return text
}
