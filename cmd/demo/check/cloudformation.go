package check

import (
	"regexp"
	"strings"
)

// isTemplate reports whether a document is a template of CloudFormation or SAM.
func isTemplate(n *node) bool {
	resources := n.get("Resources")
	return resources != nil && resources.kind == mapping
}

// template reads a template.
type template struct {
	file      string
	root      *node
	resources map[string]*node // by logical ID
	deployment
}

func readTemplate(file string, root *node) deployment {
	t := &template{file: file, root: root, resources: make(map[string]*node)}
	for _, f := range root.get("Resources").fields {
		if strings.HasPrefix(f.key, "Fn::") || f.value.kind != mapping {
			t.unread = append(t.unread, place{file, f.at, f.key})
			continue
		}
		t.resources[f.key] = f.value
	}
	for _, f := range root.get("Resources").fields {
		if t.resources[f.key] != f.value {
			continue
		}
		at := place{file, f.at, f.key}
		properties := f.value.get("Properties")
		if properties == nil {
			properties = &node{kind: mapping, line: f.at.line, column: f.at.column}
		}
		properties = resolve(properties)
		switch f.value.get("Type").string() {
		case "AWS::SQS::Queue":
			t.queue(at, properties)
		case "AWS::Lambda::Function":
			t.function(at, properties, nil)
		case "AWS::Serverless::Function":
			t.function(at, properties, resolve(root.get("Globals", "Function")))
			t.events(at, properties)
		case "AWS::Lambda::EventSourceMapping":
			t.mapping(at, properties)
		case "AWS::Pipes::Pipe":
			t.pipe(at, properties)
		}
	}
	return t.deployment
}

func (t *template) queue(at place, p *node) {
	q := &queue{
		place: at, id: identity{key: at.subject, name: p.get("QueueName").string(), kind: "sqs"},
		fifo: settingOf(p, "FifoQueue"), visibility: settingOf(p, "VisibilityTimeout"), redrive: settingOf(p, "RedrivePolicy"),
	}
	q.fifo.at, q.visibility.at, q.redrive.at = or(q.fifo, at), or(q.visibility, at), or(q.redrive, at)
	policy := p.get("RedrivePolicy")
	if text := policy.string(); text != "" { // as JSON in a string
		if parsed, err := parseJSON([]byte(text)); err == nil {
			policy = parsed
		} else {
			policy = policy.hide(text)
		}
	}
	switch {
	case policy != nil && policy.kind == hidden:
		q.deadLetter = reference{hidden: policy.text, at: policy.position()}
	case policy != nil:
		q.deadLetter = referenceOf(policy.get("deadLetterTargetArn"))
		if q.deadLetter.absent() {
			q.redrive.value = nil
		}
	}
	t.queues = append(t.queues, q)
}

// or is the position of a setting, or of the resource that it is absent from.
func or(s setting, at place) position {
	if s.absent() {
		return at.at
	}
	return s.at
}

func (t *template) function(at place, p, globals *node) {
	f := &function{place: at, id: identity{key: at.subject, name: p.get("FunctionName").string(), kind: "lambda"}, timeout: settingOf(p, "Timeout")}
	if f.timeout.absent() && globals != nil {
		f.timeout = settingOf(globals, "Timeout")
	}
	t.functions = append(t.functions, f)
}

// samSources are the event types of SAM that are event source mappings.
var samSources = map[string]sourceKind{
	"SQS": sqs, "Kinesis": kinesis, "DynamoDB": dynamodb, "MSK": kafka, "SelfManagedKafka": kafka, "MQ": otherSource, "DocumentDB": otherSource,
}

// events reads the mappings that SAM derives from the events of a function.
func (t *template) events(at place, p *node) {
	events := p.get("Events")
	if events != nil && events.kind == hidden {
		t.unread = append(t.unread, place{t.file, events.position(), at.subject + ": Events is " + events.text})
		return
	}
	if events == nil {
		return
	}
	for _, e := range events.fields {
		if e.value.kind == hidden {
			t.unread = append(t.unread, place{t.file, e.at, at.subject + "." + e.key + " is " + e.value.text})
			continue
		}
		source, ok := samSources[e.value.get("Type").string()]
		if !ok {
			continue
		}
		properties := e.value.get("Properties")
		if properties == nil {
			properties = &node{kind: mapping}
		}
		m := settingsOfMapping(place{t.file, e.at, at.subject + "." + e.key}, properties)
		m.source, m.function = source, reference{key: at.subject, at: e.at}
		for _, key := range []string{"Queue", "Stream"} {
			if value := properties.get(key); value != nil {
				m.from = referenceOf(value)
			}
		}
		t.mappings = append(t.mappings, m)
	}
}

// mapping reads an AWS::Lambda::EventSourceMapping.
func (t *template) mapping(at place, p *node) {
	m := settingsOfMapping(at, p)
	m.from, m.function = referenceOf(p.get("EventSourceArn")), referenceOf(p.get("FunctionName"))
	m.source = t.sourceOf(m.from)
	if m.source == unknownSource {
		switch {
		case p.get("SelfManagedEventSource") != nil, p.get("AmazonManagedKafkaEventSourceConfig") != nil, p.get("SelfManagedKafkaEventSourceConfig") != nil, p.get("Topics") != nil:
			m.source = kafka
		case p.get("Queues") != nil, p.get("DocumentDBEventSourceConfig") != nil:
			m.source = otherSource
		}
	}
	t.mappings = append(t.mappings, m)
}

// settingsOfMapping reads the settings that a mapping has in SAM, CloudFormation and the AWS CLI alike. The position of
// an absent setting is the mapping's.
func settingsOfMapping(at place, p *node) *eventMapping {
	m := &eventMapping{
		place:       at,
		responses:   settingOf(p, "FunctionResponseTypes"),
		batch:       settingOf(p, "BatchSize"),
		window:      settingOf(p, "MaximumBatchingWindowInSeconds"),
		retries:     settingOf(p, "MaximumRetryAttempts"),
		age:         settingOf(p, "MaximumRecordAgeInSeconds"),
		destination: settingOf(p, "DestinationConfig.OnFailure", "DestinationConfig", "OnFailure", "Destination"),
		provisioned: settingOf(p, "ProvisionedPollerConfig"),
	}
	for _, s := range []*setting{&m.responses, &m.batch, &m.window, &m.retries, &m.age, &m.destination, &m.provisioned} {
		s.at = or(*s, at)
	}
	return m
}

// templateSources are the sources by the types of their resources.
var templateSources = map[string]sourceKind{
	"AWS::SQS::Queue": sqs, "AWS::Kinesis::Stream": kinesis, "AWS::Kinesis::StreamConsumer": kinesis, "AWS::DynamoDB::Table": dynamodb,
	"AWS::DynamoDB::GlobalTable": dynamodb, "AWS::Serverless::SimpleTable": dynamodb, "AWS::MSK::Cluster": kafka,
	"AWS::MSK::ServerlessCluster": kafka, "AWS::AmazonMQ::Broker": otherSource, "AWS::DocDB::DBCluster": otherSource,
}

func (t *template) sourceOf(r reference) sourceKind {
	if r.key != "" {
		return templateSources[t.resources[r.key].get("Type").string()]
	}
	if r.literal != "" {
		return serviceKinds[service(r.literal)]
	}
	return serviceKinds[service(r.hidden)] // such as arn:aws:sqs:${AWS::Region}:…
}

func (t *template) pipe(at place, p *node) {
	parameters := p.get("SourceParameters")
	own := func(name string) setting {
		for _, group := range []string{"SqsQueueParameters", "KinesisStreamParameters", "DynamoDBStreamParameters", "ManagedStreamingKafkaParameters", "SelfManagedKafkaParameters"} {
			if s := settingOf(parameters.get(group), name); !s.absent() {
				return s
			}
		}
		if parameters != nil && parameters.kind == hidden {
			return setting{value: parameters, at: parameters.position(), name: "SourceParameters"}
		}
		return setting{at: at.at, name: name}
	}
	x := &pipe{
		place: at, from: referenceOf(p.get("Source")), target: t.functionOf(p.get("Target")), enrichment: t.functionOf(p.get("Enrichment")),
		invocation: settingOf(p, "InvocationType", "TargetParameters", "LambdaFunctionParameters", "InvocationType"),
		window:     own("MaximumBatchingWindowInSeconds"), retries: own("MaximumRetryAttempts"), age: own("MaximumRecordAgeInSeconds"), deadLetter: own("DeadLetterConfig"),
	}
	x.invocation.at = or(x.invocation, at)
	if x.source = t.sourceOf(x.from); x.source == unknownSource && parameters.get("SelfManagedKafkaParameters") != nil {
		x.source = kafka
	}
	t.pipes = append(t.pipes, x)
}

// functionOf is a reference to a function, or none if it is known to be to something else.
func (t *template) functionOf(n *node) reference {
	r := referenceOf(n)
	if resource := t.resources[r.key]; resource != nil {
		switch resource.get("Type").string() {
		case "AWS::Lambda::Function", "AWS::Serverless::Function":
		case "AWS::Lambda::Alias", "AWS::Lambda::Version":
			return referenceOf(resolve(resource.get("Properties")).get("FunctionName"))
		default:
			return reference{}
		}
	}
	if s := service(r.literal + r.hidden); s != "" && s != "lambda" {
		return reference{}
	}
	return r
}

var placeholder = regexp.MustCompile(`\$\{([^!}][^}]*)\}`)

// resolve replaces the intrinsic functions in a tree: AWS::NoValue by nothing, references to resources by themselves,
// and values that the file does not contain by a hidden value. It does not change the given tree.
func resolve(n *node) *node { return resolver{}.resolve(n) }

// resolver caches resolved nodes, because nodes of YAML anchors are shared.
type resolver map[*node]*node

func (r resolver) resolve(n *node) *node {
	if n == nil {
		return nil
	}
	if done, ok := r[n]; ok {
		return done
	}
	resolved := n
	if name, argument, ok := intrinsic(n); ok {
		resolved = resolveCall(n, name, argument)
	} else if n.kind == mapping || n.kind == list {
		copied := *n
		copied.fields, copied.items = nil, nil
		for _, f := range n.fields {
			if value := r.resolve(f.value); value != nil {
				copied.fields = append(copied.fields, field{f.key, f.at, value})
			}
		}
		for _, item := range n.items {
			if value := r.resolve(item); value != nil {
				copied.items = append(copied.items, value)
			}
		}
		resolved = &copied
	}
	r[n] = resolved
	return resolved
}

// intrinsic returns the function of a node such as !Ref X or {"Fn::GetAtt": […]}, without "Fn::", and its argument.
func intrinsic(n *node) (name string, argument *node, ok bool) {
	if n.tag != "" {
		untagged := *n
		untagged.tag = ""
		return strings.TrimPrefix(n.tag, "!"), &untagged, true
	}
	key, value, ok := n.single()
	if !ok || key != "Ref" && !strings.HasPrefix(key, "Fn::") {
		return "", nil, false
	}
	return strings.TrimPrefix(key, "Fn::"), value, true
}

// resource is the tag of nodes that refer to a resource, whose logical ID is their text.
const resource = "resource"

func resolveCall(n *node, name string, argument *node) *node {
	written := "!" + name
	switch argument.kind {
	case scalar:
		written += " " + argument.text
	case list:
		written += " […]"
	default:
		written += " {…}"
	}
	to := func(id string) *node {
		return &node{kind: hidden, text: written, tag: resource + " " + id, line: n.line, column: n.column}
	}
	switch name {
	case "Ref":
		if argument.string() == "AWS::NoValue" {
			return nil
		}
		return to(argument.string())
	case "GetAtt":
		id, _, _ := strings.Cut(argument.string(), ".")
		if argument.kind == list && len(argument.items) > 0 {
			id = argument.items[0].string()
			written = "!GetAtt " + id
			if len(argument.items) > 1 {
				written += "." + argument.items[1].string()
			}
		}
		return to(id)
	case "Sub":
		text := argument.string()
		if argument.kind == list && len(argument.items) > 0 {
			text = argument.items[0].string()
		}
		found := placeholder.FindAllStringSubmatch(text, -1)
		switch {
		case len(found) == 0:
			return &node{text: strings.ReplaceAll(text, "${!", "${"), line: n.line, column: n.column}
		case argument.kind == scalar && found[0][0] == text: // ${Queue.Arn} and nothing else
			id, _, _ := strings.Cut(found[0][1], ".")
			return to(id)
		default:
			return &node{kind: hidden, text: text, line: n.line, column: n.column}
		}
	default:
		return n.hide(written)
	}
}

// referenceOf returns the reference in a resolved value.
func referenceOf(n *node) reference {
	switch {
	case n == nil, n.kind == null:
		return reference{}
	case n.kind == hidden:
		r := reference{at: n.position()}
		if id, ok := strings.CutPrefix(n.tag, resource+" "); ok {
			r.key, r.hidden = id, n.text
			return r
		}
		r.hidden = n.text
		return r
	case n.kind == scalar:
		return reference{literal: n.text, at: n.position()}
	default:
		return reference{hidden: "not a plain value", at: n.position()}
	}
}
