package sqsserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/troupe-go/troupe/lambdasim"
)

const (
	account     = "123456789012"
	contentType = "application/x-amz-json-1.0"
	target      = "AmazonSQS."
	maxRequest  = 16 << 20
)

// Server is an http.Handler that serves queues. It is safe for concurrent use.
type Server struct {
	queues map[string]*served
}

// served is a queue that is served.
type served struct {
	queue  *lambdasim.Queue
	direct *lambdasim.Direct
}

// New returns a server for queues that no run uses. Their names must differ.
func New(queues ...*lambdasim.Queue) (*Server, error) {
	s := &Server{queues: make(map[string]*served)}
	for _, q := range queues {
		name := nameOf(q)
		if s.queues[name] != nil {
			return nil, fmt.Errorf("sqsserver: two queues have the name %q", name)
		}
		direct, err := q.Direct()
		if err != nil {
			return nil, err
		}
		s.queues[name] = &served{q, direct}
	}
	return s, nil
}

func nameOf(q *lambdasim.Queue) string { return path.Base(strings.ReplaceAll(q.ARN(), ":", "/")) }

// URL returns the URL of a queue on a server with the given endpoint.
func (s *Server) URL(endpoint string, q *lambdasim.Queue) string {
	return strings.TrimSuffix(endpoint, "/") + "/" + account + "/" + nameOf(q)
}

// action serves a decoded request and returns the response to encode.
type action func(ctx context.Context, q *served, r *request) (any, error)

var actions = map[string]action{
	"SendMessage":                  send,
	"SendMessageBatch":             sendBatch,
	"ReceiveMessage":               receive,
	"DeleteMessage":                remove,
	"DeleteMessageBatch":           removeBatch,
	"ChangeMessageVisibility":      change,
	"ChangeMessageVisibilityBatch": changeBatch,
	"GetQueueAttributes":           attributes,
}

// ServeHTTP serves a call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	response, err := s.serve(r)
	w.Header().Set("Content-Type", contentType)
	if err != nil {
		writeError(w, err)
		return
	}
	if response == nil {
		response = struct{}{}
	}
	_ = json.NewEncoder(w).Encode(response) // the client may be gone
}

func (s *Server) serve(r *http.Request) (any, error) {
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), target)
	if r.Method != http.MethodPost || !ok {
		return nil, &lambdasim.QueueError{Code: "InvalidAction", Message: "A POST with the header X-Amz-Target is needed: the JSON protocol is served and no other."}
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRequest))
	if err != nil {
		return nil, err
	}
	req := new(request)
	if json.Unmarshal(body, req) != nil {
		return nil, &lambdasim.QueueError{Code: "SerializationException", Message: "The body is not the JSON of the action."}
	}
	if name == "GetQueueUrl" {
		if s.queues[req.QueueName] == nil {
			return nil, noQueue()
		}
		return map[string]string{"QueueUrl": "http://" + r.Host + "/" + account + "/" + req.QueueName}, nil
	}
	do := actions[name]
	if do == nil {
		return nil, &lambdasim.QueueError{Code: "InvalidAction", Message: fmt.Sprintf("The action %.60s is not served.", name)}
	}
	q := s.queues[path.Base(req.QueueURL)]
	if q == nil {
		return nil, noQueue()
	}
	return do(r.Context(), q, req)
}

func noQueue() error {
	return &lambdasim.QueueError{Code: "AWS.SimpleQueueService.NonExistentQueue", Message: "The specified queue does not exist."}
}

// types are the names of exceptions in the JSON protocol, where they differ from the last part of the code.
var types = map[string]string{
	"InvalidParameterValue":                   "com.amazon.coral.service#InvalidParameterValueException",
	"MissingParameter":                        "com.amazon.coral.service#MissingRequiredParameterException",
	"AWS.SimpleQueueService.NonExistentQueue": "com.amazonaws.sqs#QueueDoesNotExist",
	"AccessDenied":                            "com.amazon.coral.service#AccessDeniedException",
}

// writeError writes an error: the code of the JSON protocol in the body, and that of the query protocol, which SDKs
// report, in a header.
func writeError(w http.ResponseWriter, err error) {
	status, refusal := http.StatusBadRequest, new(lambdasim.QueueError)
	if !errors.As(err, &refusal) {
		status, refusal = http.StatusInternalServerError, &lambdasim.QueueError{Code: "InternalError", Message: err.Error()}
	}
	if refusal.Code == "AccessDenied" {
		status = http.StatusForbidden
	}
	kind := types[refusal.Code]
	if kind == "" {
		kind = "com.amazonaws.sqs#" + refusal.Code[strings.LastIndexByte(refusal.Code, '.')+1:]
	}
	who := "Sender"
	if status >= http.StatusInternalServerError {
		who = "Receiver"
	}
	w.Header().Set("X-Amzn-Query-Error", refusal.Code+";"+who)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": kind, "message": refusal.Message})
}
