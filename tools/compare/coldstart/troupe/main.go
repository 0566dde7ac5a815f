// Troupe is the function of coldstart/bare with troupe.
package main

import (
	"context"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/troupe-go/troupe"
)

func main() { lambda.Start(troupe.SQS(charge)) }

func charge(context.Context, events.SQSMessage) error { return nil }
