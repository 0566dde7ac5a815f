package check

import (
	"strconv"
	"strings"
)

// deployment describes the contents of a set of files, whatever their formats.
type deployment struct {
	functions []*function
	queues    []*queue
	mappings  []*eventMapping
	pipes     []*pipe
	unread    []place // parts that the reader of a format cannot read
}

// place is a position in a file.
type place struct {
	file    string
	at      position
	subject string // its name for people
}

type function struct {
	place
	id      identity
	timeout setting
}

type queue struct {
	place
	id         identity
	fifo       setting
	visibility setting
	redrive    setting   // absent if messages never go to a dead-letter queue
	deadLetter reference // where they go
	partial    bool      // the file may leave out attributes that the queue has
}

// eventMapping is an event source mapping of Lambda.
type eventMapping struct {
	place
	source      sourceKind
	from        reference // the queue or stream
	function    reference
	responses   setting // FunctionResponseTypes
	batch       setting
	window      setting
	retries     setting
	age         setting
	destination setting // of failed batches
	provisioned setting
}

// pipe is an EventBridge pipe whose target or enrichment is a Lambda function.
type pipe struct {
	place
	source     sourceKind
	from       reference
	target     reference // a function, or none
	enrichment reference // a function, or none
	invocation setting   // of the target
	window     setting
	retries    setting
	age        setting
	deadLetter setting
}

type sourceKind string

const (
	unknownSource sourceKind = ""
	sqs           sourceKind = "SQS"
	kinesis       sourceKind = "Kinesis"
	dynamodb      sourceKind = "DynamoDB"
	kafka         sourceKind = "Kafka"
	otherSource   sourceKind = "other" // that has no partial batch responses
)

// setting is the value of a property.
type setting struct {
	value  *node    // nil if it is absent
	at     position // of the value, or of its parent if it is absent
	name   string   // of the property
	within bool     // value is something hidden that the property would be in
}

// settingOf returns the property of that name in n.
func settingOf(n *node, name string, path ...string) setting {
	s := setting{at: n.position(), name: name}
	if len(path) == 0 {
		path = []string{name}
	}
	for _, key := range path {
		if n != nil && n.kind == hidden {
			s.value, s.at, s.within = n, n.position(), true
			return s
		}
		if v := n.get(key); v != nil && v.kind != null {
			s.at = n.keyAt(key)
		}
		n = n.get(key)
	}
	if n != nil && n.kind != null {
		s.value = n
	}
	return s
}

func (s setting) absent() bool { return s.value == nil }
func (s setting) hidden() bool { return s.value != nil && s.value.kind == hidden }

// doubtful reports whether the setting may be absent: a condition decides.
func (s setting) doubtful() bool {
	return s.hidden() && (s.within || strings.HasPrefix(s.value.text, "!If"))
}

// number returns the setting as a whole number, or otherwise if it is absent. known is false if the file does not
// contain it.
func (s setting) number(otherwise int) (n int, known bool) {
	if s.absent() {
		return otherwise, true
	}
	x, err := strconv.ParseFloat(strings.TrimSpace(s.value.string()), 64)
	if err != nil {
		return 0, false
	}
	return int(x), true
}

// truth returns the setting as a boolean; an absent one is false.
func (s setting) truth() (value, known bool) {
	if s.absent() {
		return false, true
	}
	switch strings.ToLower(s.value.string()) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0", "":
		return false, s.value.kind == scalar
	default:
		return false, false
	}
}

// String describes a setting with an unknown value.
func (s setting) String() string {
	if s.value == nil {
		return s.name + " is not given"
	}
	text := s.value.text
	if s.value.kind != scalar && s.value.kind != hidden {
		text = "not a plain value"
	}
	return s.name + " is " + text
}

// identity is the set of names by which others may refer to a resource.
type identity struct {
	key  string // within its file
	arn  string
	name string
	kind string // service of the ARN: "sqs", "lambda", …
}

// reference is a property that refers to another resource.
type reference struct {
	key     string // of a resource in the same file
	literal string // an ARN, a URL or a name
	hidden  string // how it is written, if neither is known
	at      position
}

func (r reference) absent() bool { return r.key == "" && r.literal == "" && r.hidden == "" }

// service returns the service of an ARN, or "".
func service(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return ""
	}
	return parts[2]
}

// lastName returns the name in an ARN of a queue or function, or text itself if it is not an ARN, without the version
// or alias of a function.
func lastName(text string) string {
	parts := strings.Split(text, ":")
	switch {
	case service(text) == "lambda" && len(parts) > 6:
		return parts[6]
	case service(text) != "":
		return parts[len(parts)-1]
	case len(parts) > 2: // ACCOUNT:function:NAME
		return parts[2]
	default:
		return parts[0]
	}
}

// is reports whether a reference from a file refers to the resource.
func (id identity) is(r reference, sameFile bool) bool {
	switch {
	case r.key != "":
		return sameFile && r.key == id.key
	case r.literal == "":
		return false
	case id.arn != "" && service(r.literal) != "":
		return sameArn(id.arn, r.literal)
	default:
		return id.name != "" && id.name == lastName(r.literal) && (service(r.literal) == "" || service(r.literal) == id.kind)
	}
}

// sameArn compares two ARNs, of functions without version or alias.
func sameArn(a, b string) bool {
	if service(a) == "lambda" && service(b) == "lambda" {
		return strings.Join(firstParts(a, 7), ":") == strings.Join(firstParts(b, 7), ":")
	}
	return a == b
}

func firstParts(arn string, n int) []string {
	parts := strings.Split(arn, ":")
	return parts[:min(n, len(parts))]
}

// queue finds the queue of a reference from a file, or nil.
func (d *deployment) queue(r reference, file string) *queue {
	for _, q := range d.queues {
		if q.id.is(r, q.file == file) {
			return q
		}
	}
	return nil
}

// function finds the function of a reference from a file, or nil.
func (d *deployment) function(r reference, file string) *function {
	for _, f := range d.functions {
		if f.id.is(r, f.file == file) {
			return f
		}
	}
	return nil
}

// add adds the contents of another deployment.
func (d *deployment) add(other deployment) {
	d.functions = append(d.functions, other.functions...)
	d.queues = append(d.queues, other.queues...)
	d.mappings = append(d.mappings, other.mappings...)
	d.pipes = append(d.pipes, other.pipes...)
	d.unread = append(d.unread, other.unread...)
}

// serviceKinds are the sources by the service of their ARNs.
var serviceKinds = map[string]sourceKind{
	"sqs": sqs, "kinesis": kinesis, "dynamodb": dynamodb, "kafka": kafka, "mq": otherSource, "rds": otherSource, "docdb": otherSource,
}
