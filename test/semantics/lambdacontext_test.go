package semantics_test

import (
	"context"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// SPEC 2: what the runtime says of an invocation reaches every handler, as aws-lambda-go has it.
func TestWhatLambdaSaysOfTheInvocationReachesHandlers(t *testing.T) {
	for _, source := range sources {
		t.Run(source, func(t *testing.T) {
			told := make(chan string, 2)
			p := process(source, func(ctx context.Context, _ string) error {
				if invocation, ok := lambdacontext.FromContext(ctx); ok {
					told <- invocation.AwsRequestID
				}
				return nil
			})
			ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "request-1"})
			_, err := p.Invoke(ctx, document(source, numbered(2, nil)...))
			require.NoError(t, err)
			require.Len(t, told, 2)
			assert.Equal(t, []string{"request-1", "request-1"}, []string{<-told, <-told})
		})
	}
}
