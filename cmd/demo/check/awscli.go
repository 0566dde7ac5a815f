package check

// readAWS reads the output of aws lambda list-event-source-mappings, get-event-source-mapping, list-functions,
// get-function and get-function-configuration, and aws sqs get-queue-attributes. ok is false if the document is
// none of these.
func readAWS(file string, root *node) (d deployment, ok bool) {
	if attributes := root.get("Attributes"); attributes != nil && attributes.kind == mapping && isQueue(attributes) {
		d.queues = append(d.queues, awsQueue(file, attributes))
		return d, true
	}
	switch {
	case root.get("EventSourceMappings") != nil && root.get("EventSourceMappings").kind == list:
		for _, m := range root.get("EventSourceMappings").items {
			d.mappings = append(d.mappings, awsMapping(file, m))
		}
	case root.get("Functions") != nil && root.get("Functions").kind == list:
		for _, f := range root.get("Functions").items {
			d.functions = append(d.functions, awsFunction(file, f))
		}
	case root.get("UUID") != nil && root.get("FunctionArn") != nil:
		d.mappings = append(d.mappings, awsMapping(file, root))
	case root.get("Configuration", "FunctionArn") != nil:
		d.functions = append(d.functions, awsFunction(file, root.get("Configuration")))
	case root.get("FunctionArn") != nil && root.get("FunctionName") != nil:
		d.functions = append(d.functions, awsFunction(file, root))
	default:
		return d, false
	}
	return d, true
}

func awsFunction(file string, n *node) *function {
	name := n.get("FunctionName").string()
	f := &function{
		place: place{file, n.position(), name}, id: identity{arn: n.get("FunctionArn").string(), name: name, kind: "lambda"},
		timeout: settingOf(n, "Timeout"),
	}
	if f.timeout.absent() { // the CLI always prints it; a part of the output was kept
		f.timeout.value = n.hide("not in the file")
	}
	return f
}

func awsMapping(file string, n *node) *eventMapping {
	function, source := n.get("FunctionArn").string(), n.get("EventSourceArn").string()
	subject := lastName(function)
	if source != "" {
		subject += " from " + lastName(source)
	}
	m := settingsOfMapping(place{file, n.position(), subject}, n)
	m.function, m.from = referenceOf(n.get("FunctionArn")), referenceOf(n.get("EventSourceArn"))
	m.source = serviceKinds[service(source)]
	if m.source == unknownSource && (n.get("SelfManagedEventSource") != nil || n.get("Topics") != nil) {
		m.source = kafka
	}
	return m
}

// isQueue distinguishes the attributes of a queue from those of other resources.
func isQueue(attributes *node) bool {
	for _, key := range []string{"QueueArn", "VisibilityTimeout", "RedrivePolicy", "ApproximateNumberOfMessages"} {
		if attributes.get(key) != nil {
			return true
		}
	}
	return false
}

func awsQueue(file string, n *node) *queue {
	arn := n.get("QueueArn").string()
	subject := lastName(arn)
	if subject == "" {
		subject = "the queue"
	}
	at := place{file, n.position(), subject}
	q := &queue{
		place: at, id: identity{arn: arn, name: lastName(arn), kind: "sqs"},
		fifo: settingOf(n, "FifoQueue"), visibility: settingOf(n, "VisibilityTimeout"), redrive: settingOf(n, "RedrivePolicy"),
		// Every queue has this attribute, so without it the others were not all requested either.
		partial: n.get("CreatedTimestamp") == nil,
	}
	for _, s := range []*setting{&q.fifo, &q.visibility, &q.redrive} {
		s.at = or(*s, at)
		if s.absent() && q.partial {
			s.value = n.hide("not among the attributes in the file; use --attribute-names All")
		}
	}
	if policy, err := parseJSON([]byte(n.get("RedrivePolicy").string())); err == nil {
		q.deadLetter = reference{literal: policy.get("deadLetterTargetArn").string(), at: q.redrive.at}
	}
	return q
}
