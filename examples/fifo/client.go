package main

import (
	"io"
	"net/http"
	"time"
)

// newClient returns a client to be shared by everything that a process handles. The default client keeps two
// connections to a service open between requests, and has no time limit: with 16 handlers at once most requests would
// open a connection of their own, with a TLS handshake each.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64 // more than handlers run at once
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// finish reads a response to its end and closes it: a connection whose response has not been read to the end cannot be
// used again. Of a long response it reads no more than takes less time than another connection would.
func finish(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10))
	_ = body.Close()
}
