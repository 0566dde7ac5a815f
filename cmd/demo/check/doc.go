// Package check reads deployment descriptions and finds the settings that lose messages between an AWS event source and a
// Lambda function. It reads AWS SAM and CloudFormation templates, the output of terraform show -json, and the JSON that
// the AWS CLI prints for event source mappings, functions and queue attributes.
//
// The package makes no calls to AWS. Where a value is hidden, by an intrinsic function or because it is only known
// after terraform apply, it reports that the rule could not be decided. Files checked together are linked: a mapping in
// one file finds its queue in another by its ARN.
//
// A file is read in three steps. [parse] turns YAML or JSON into a tree whose nodes know their positions. The readers of
// each format (cloudformation.go, terraform.go, awscli.go) turn a tree into a deployment: functions, queues, mappings and
// pipes. The rules in rules.go judge the deployment, whatever its format.
package check
