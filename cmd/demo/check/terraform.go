package check

import (
	"regexp"
	"strings"
)

// isTerraform reports whether a document is the output of terraform show -json, of a plan or a state.
func isTerraform(n *node) bool {
	return n.get("format_version") != nil && (n.get("planned_values") != nil || n.get("values") != nil || n.get("terraform_version") != nil)
}

// terraform reads a plan or a state. In a plan many values are only known after apply; then the configuration contains
// the resource they come from.
type terraform struct {
	file        string
	unknown     map[string]*node // by address: what is known after apply
	expressions map[string]*node // by address without indexes
	types       map[string]string
	addresses   map[string][]string // by address without indexes
	outputs     map[string]*node    // of modules, such as module.queues.arn: their expressions
	arguments   map[string]*node    // of modules, such as module.queues.name: the expressions they are called with
	deployment
}

func readTerraform(file string, root *node) deployment {
	t := &terraform{
		file: file, unknown: make(map[string]*node), expressions: make(map[string]*node),
		types: make(map[string]string), addresses: make(map[string][]string), outputs: make(map[string]*node), arguments: make(map[string]*node),
	}
	if changes := root.get("resource_changes"); changes != nil {
		for _, c := range changes.items {
			t.unknown[c.get("address").string()] = c.get("change", "after_unknown")
		}
	}
	t.configuration("", root.get("configuration", "root_module"))
	values := root.get("planned_values", "root_module")
	if values == nil {
		values = root.get("values", "root_module")
	}
	var resources []*node
	resourcesOf(values, &resources)
	for _, r := range resources {
		address := r.get("address").string()
		plain := withoutIndexes(address)
		t.types[plain] = r.get("type").string()
		t.addresses[plain] = append(t.addresses[plain], address)
	}
	for _, r := range resources {
		if mode := r.get("mode").string(); mode == "" || mode == "managed" {
			t.resource(r)
		}
	}
	return t.deployment
}

// resourcesOf collects the resources of a module and the modules in it.
func resourcesOf(module *node, into *[]*node) {
	if resources := module.get("resources"); resources != nil {
		*into = append(*into, resources.items...)
	}
	if children := module.get("child_modules"); children != nil {
		for _, child := range children.items {
			resourcesOf(child, into)
		}
	}
}

// configuration collects the expressions of a module, which is at the prefix of an address.
func (t *terraform) configuration(prefix string, module *node) {
	if resources := module.get("resources"); resources != nil {
		for _, r := range resources.items {
			t.expressions[prefix+r.get("address").string()] = r.get("expressions")
		}
	}
	if calls := module.get("module_calls"); calls != nil {
		for _, call := range calls.fields {
			inner := prefix + "module." + call.key + "."
			if arguments := call.value.get("expressions"); arguments != nil {
				for _, a := range arguments.fields {
					t.arguments[inner+a.key] = a.value
				}
			}
			if outputs := call.value.get("module", "outputs"); outputs != nil {
				for _, o := range outputs.fields {
					t.outputs[inner+o.key] = o.value.get("expression")
				}
			}
			t.configuration(inner, call.value.get("module"))
		}
	}
}

var index = regexp.MustCompile(`\[[^\]]*\]`)

func withoutIndexes(address string) string { return index.ReplaceAllString(address, "") }

// overlay marks the unknown values in a tree: it adds missing ones and replaces null.
func overlay(values, unknown *node) *node {
	switch {
	case unknown == nil:
		return values
	case unknown.kind == scalar && unknown.text == "true":
		at := values
		if at == nil {
			at = unknown
		}
		return at.hide("known after apply")
	case values == nil || unknown.kind != values.kind:
		return values
	}
	copied := *values
	switch unknown.kind {
	case mapping:
		copied.fields = nil
		seen := make(map[string]bool)
		for _, f := range values.fields {
			seen[f.key] = true
			copied.fields = append(copied.fields, field{f.key, f.at, overlay(f.value, unknown.get(f.key))})
		}
		for _, f := range unknown.fields {
			if value := overlay(nil, f.value); !seen[f.key] && value != nil {
				value.line, value.column = values.line, values.column
				copied.fields = append(copied.fields, field{f.key, values.position(), value})
			}
		}
	case list:
		copied.items = nil
		for i, item := range values.items {
			if i < len(unknown.items) {
				item = overlay(item, unknown.items[i])
			}
			copied.items = append(copied.items, item)
		}
	}
	return &copied
}

// block returns the only one of a nested block, which Terraform shows as a list.
func block(n *node, names ...string) *node {
	for _, name := range names {
		n = n.get(name)
		if n != nil && n.kind == list {
			if len(n.items) == 0 {
				return nil
			}
			n = n.items[0]
		}
	}
	return n
}

func (t *terraform) resource(r *node) {
	address := r.get("address").string()
	at := place{t.file, r.position(), address}
	v := overlay(r.get("values"), t.unknown[address])
	if v == nil {
		v = &node{kind: mapping, line: r.line, column: r.column}
	}
	set := func(name string) setting {
		s := settingOf(v, name)
		s.at = or(s, at)
		if text := s.value.string(); s.value != nil && s.value.kind == list && len(s.value.items) == 0 || text == "" && s.value != nil && s.value.kind == scalar {
			s.value = nil // an empty block or text is none
		}
		return s
	}
	inBlock := func(name string, n *node, key string) setting {
		s := settingOf(n, key)
		s.name, s.at = name, or(s, at)
		if s.value.string() == "" && s.value != nil && s.value.kind == scalar {
			s.value = nil
		}
		return s
	}
	switch r.get("type").string() {
	case "aws_sqs_queue":
		q := &queue{
			place: at, id: identity{key: address, arn: v.get("arn").string(), name: v.get("name").string(), kind: "sqs"},
			fifo: set("fifo_queue"), visibility: set("visibility_timeout_seconds"), redrive: set("redrive_policy"),
		}
		q.deadLetter = t.deadLetter(q.redrive, address)
		t.queues = append(t.queues, q)
	case "aws_sqs_queue_redrive_policy":
		policy := set("redrive_policy")
		if q := t.queue(t.reference(v.get("queue_url"), address, "queue_url"), t.file); q != nil {
			q.redrive, q.deadLetter = policy, t.deadLetter(policy, address)
		} else {
			t.unread = append(t.unread, place{t.file, at.at, address + ": the queue is not known"})
		}
	case "aws_lambda_function":
		t.functions = append(t.functions, &function{
			place: at, id: identity{key: address, arn: v.get("arn").string(), name: v.get("function_name").string(), kind: "lambda"}, timeout: set("timeout"),
		})
	case "aws_lambda_event_source_mapping":
		m := &eventMapping{
			place: at, from: t.reference(v.get("event_source_arn"), address, "event_source_arn"), function: t.reference(v.get("function_name"), address, "function_name"),
			responses: set("function_response_types"), batch: set("batch_size"), window: set("maximum_batching_window_in_seconds"),
			retries: set("maximum_retry_attempts"), age: set("maximum_record_age_in_seconds"), provisioned: set("provisioned_poller_config"),
			destination: inBlock("destination_config.on_failure", block(v, "destination_config", "on_failure"), "destination_arn"),
		}
		m.source = t.sourceOf(m.from)
		if m.source == unknownSource {
			switch {
			case !set("self_managed_event_source").absent(), !set("self_managed_kafka_event_source_config").absent(), !set("amazon_managed_kafka_event_source_config").absent(), !set("topics").absent():
				m.source = kafka
			case !set("queues").absent(), !set("document_db_event_source_config").absent():
				m.source = otherSource
			}
		}
		t.mappings = append(t.mappings, m)
	case "aws_pipes_pipe":
		t.pipe(at, address, v, set, inBlock)
	}
}

func (t *terraform) pipe(at place, address string, v *node, set func(string) setting, inBlock func(string, *node, string) setting) {
	own := func(name string) setting {
		for _, group := range []string{"sqs_queue_parameters", "kinesis_stream_parameters", "dynamodb_stream_parameters", "managed_streaming_kafka_parameters", "self_managed_kafka_parameters"} {
			if s := inBlock(name, block(v, "source_parameters", group), name); !s.absent() {
				return s
			}
		}
		return setting{at: at.at, name: name}
	}
	x := &pipe{
		place: at, from: t.reference(v.get("source"), address, "source"),
		target: t.functionOf(v.get("target"), address, "target"), enrichment: t.functionOf(v.get("enrichment"), address, "enrichment"),
		invocation: inBlock("invocation_type", block(v, "target_parameters", "lambda_function_parameters"), "invocation_type"),
		window:     own("maximum_batching_window_in_seconds"), retries: own("maximum_retry_attempts"), age: own("maximum_record_age_in_seconds"),
		deadLetter: own("dead_letter_config"),
	}
	if x.source = t.sourceOf(x.from); x.source == unknownSource && block(v, "source_parameters", "self_managed_kafka_parameters") != nil {
		x.source = kafka
	}
	t.pipes = append(t.pipes, x)
}

// reference returns the reference in a value. If the value is not known yet, the configuration contains its origin.
func (t *terraform) reference(n *node, address, attribute string) reference {
	r := reference{at: n.position()}
	if text := n.string(); text != "" {
		r.literal = text
		return r
	}
	if n == nil || n.kind != hidden {
		return r
	}
	r.hidden = n.text
	prefix := ""
	plain := withoutIndexes(address)
	for rest := plain; strings.HasPrefix(rest, "module."); {
		parts := strings.SplitN(rest, ".", 3)
		if len(parts) < 3 {
			break
		}
		prefix += parts[0] + "." + parts[1] + "."
		rest = parts[2]
	}
	r.key = t.origin(t.expressions[plain].get(attribute), prefix, address, 0)
	return r
}

// deepestModule bounds how often a value may pass from module to module.
const deepestModule = 20

// origin returns the address of the resource from which an expression of a module gets its value, or "".
func (t *terraform) origin(expression *node, prefix, address string, depth int) string {
	references := expression.get("references")
	if references == nil || depth > deepestModule {
		return ""
	}
	for _, item := range references.items {
		parts := strings.Split(withoutIndexes(item.string()), ".")
		found := ""
		switch {
		case len(parts) < 2:
		case parts[0] == "module" && len(parts) > 2:
			inner := prefix + "module." + parts[1] + "."
			found = t.origin(t.outputs[inner+parts[2]], inner, address, depth+1)
		case parts[0] == "var" && prefix != "":
			found = t.origin(t.arguments[prefix+parts[1]], outer(prefix), address, depth+1)
		case parts[0] == "data" && len(parts) > 2:
			found = sameIndex(t.addresses[prefix+strings.Join(parts[:3], ".")], address)
		default:
			found = sameIndex(t.addresses[prefix+parts[0]+"."+parts[1]], address)
		}
		if found != "" {
			return found
		}
	}
	return ""
}

// outer is the prefix of the module around the one of a prefix.
func outer(prefix string) string {
	parts := strings.Split(strings.TrimSuffix(prefix, "."), ".")
	if len(parts) <= 2 {
		return ""
	}
	return strings.Join(parts[:len(parts)-2], ".") + "."
}

// sameIndex is the address with the same index as another, such as ["eu"], or the first one; "" if there is none.
func sameIndex(addresses []string, address string) string {
	if len(addresses) == 0 {
		return ""
	}
	if i := strings.LastIndexByte(address, '['); i >= 0 && strings.HasSuffix(address, "]") {
		for _, a := range addresses {
			if strings.HasSuffix(a, address[i:]) {
				return a
			}
		}
	}
	return addresses[0]
}

// deadLetter returns the queue in a redrive policy, which is JSON in a string.
func (t *terraform) deadLetter(policy setting, address string) reference {
	switch {
	case policy.absent():
		return reference{}
	case policy.hidden():
		return t.reference(policy.value, address, "redrive_policy")
	}
	parsed, err := parseJSON([]byte(policy.value.string()))
	if err != nil {
		return reference{hidden: shortened(policy.value.string()), at: policy.at}
	}
	return reference{literal: parsed.get("deadLetterTargetArn").string(), at: policy.at}
}

// terraformSources are the sources by the types of their resources.
var terraformSources = map[string]sourceKind{
	"aws_sqs_queue": sqs, "aws_kinesis_stream": kinesis, "aws_kinesis_stream_consumer": kinesis, "aws_dynamodb_table": dynamodb,
	"aws_msk_cluster": kafka, "aws_msk_serverless_cluster": kafka, "aws_mq_broker": otherSource, "aws_docdb_cluster": otherSource,
}

func (t *terraform) sourceOf(r reference) sourceKind {
	if r.key != "" {
		return terraformSources[t.types[withoutIndexes(r.key)]]
	}
	return serviceKinds[service(r.literal)]
}

// functionOf is a reference to a function, or none if it is known to be to something else.
func (t *terraform) functionOf(n *node, address, attribute string) reference {
	r := t.reference(n, address, attribute)
	if kind := t.types[withoutIndexes(r.key)]; r.key != "" && !strings.HasPrefix(kind, "aws_lambda_") {
		return reference{}
	}
	if s := service(r.literal); s != "" && s != "lambda" {
		return reference{}
	}
	return r
}
