package main

import (
	"io"
	"net/http"
	"time"
)

// newClient returns the HTTP client of the process. The default client keeps only two idle connections per host and
// has no time limit: with 16 handlers at once, most requests would open a new connection, with a TLS handshake.
func newClient() *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64 // more than handlers run at once
	return &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// finish reads a response to its end and closes it: only then can the connection be reused. It stops reading a long
// response when a new connection would be cheaper.
func finish(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, 64<<10))
	_ = body.Close()
}
