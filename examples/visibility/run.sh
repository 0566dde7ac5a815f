#!/usr/bin/env bash
# Shows on your account that Lambda keeps the visibility timeout of a reported message that a function has changed.
# redelivery.Backoff relies on that, and AWS does not document it.
#
#   examples/visibility/run.sh [region]
#
# It needs the AWS CLI 2, jq and the right to create a stack with a role. The stack has a queue with a visibility timeout
# of 180 s and a function in Python, without troupe, that sets the timeout of its message to 20 s, reports it, and succeeds in
# the second delivery. If that starts after about 20 s, Lambda kept the timeout; after 180 s, it did not, and
# lambdasim.Unknown.RestoreVisibility simulates that. The stack is deleted at the end. It costs less than a cent.
set -euo pipefail
region=${1:-${AWS_REGION:-us-east-1}}
stack=troupe-visibility-$(date +%s)
aws() { command aws --region "$region" "$@"; }
template=$(mktemp)
finish() {
  rm -f "$template"
  echo "Deleting the stack $stack"
  aws cloudformation delete-stack --stack-name "$stack"
}
trap finish EXIT

cat >"$template" <<'EOF'
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties: { VisibilityTimeout: 180 }
  Seen: # when messages were received
    Type: AWS::SQS::Queue
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: "sts:AssumeRole" }]
      Policies:
        - PolicyName: Queue
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - Effect: Allow
                Action: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
                Resource: !GetAtt Queue.Arn
              - Effect: Allow
                Action: "sqs:SendMessage"
                Resource: !GetAtt Seen.Arn
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Role: !GetAtt Role.Arn
      Timeout: 30
      Environment: { Variables: { QUEUE: !Ref Queue, SEEN: !Ref Seen } }
      Code:
        ZipFile: |
          import boto3, json, os, time
          sqs = boto3.client("sqs")
          def handler(event, context):
              failures = []
              for r in event["Records"]:
                  receives = int(r["attributes"]["ApproximateReceiveCount"])
                  sqs.send_message(QueueUrl=os.environ["SEEN"], MessageBody=json.dumps({"receives": receives, "at": time.time()}))
                  if receives == 1:
                      sqs.change_message_visibility(QueueUrl=os.environ["QUEUE"], ReceiptHandle=r["receiptHandle"], VisibilityTimeout=20)
                      failures.append({"itemIdentifier": r["messageId"]})
              return {"batchItemFailures": failures}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Queue.Arn
      FunctionName: !Ref Function
      FunctionResponseTypes: [ReportBatchItemFailures]
Outputs:
  Queue: { Value: !Ref Queue }
  Seen: { Value: !Ref Seen }
EOF
echo "Creating the stack $stack in $region"
aws cloudformation deploy --stack-name "$stack" --template-file "$template" --capabilities CAPABILITY_IAM
output() { aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text; }
queue=$(output Queue)
seen=$(output Seen)
aws sqs send-message --queue-url "$queue" --message-body hello >/dev/null
echo "Waiting for two deliveries, up to four minutes"
times=()
for _ in {1..16}; do
  body=$(aws sqs receive-message --queue-url "$seen" --wait-time-seconds 15 --visibility-timeout 600 --query 'Messages[0].Body' --output text)
  if [[ $body == '{'* ]]; then
    times+=("$(jq .at <<<"$body")")
    echo "delivery $(jq .receives <<<"$body") at ${times[-1]}"
  fi
  ((${#times[@]} == 2)) && break
done
if ((${#times[@]} < 2)); then
  echo "There was no second delivery."
  exit 1
fi
between=$(jq -n "(${times[1]} - ${times[0]}) | if . < 0 then -. else . end | floor")
echo "$between s between the deliveries."
if ((between < 90)); then
  echo "Lambda left the changed visibility timeout alone."
else
  echo "Lambda did NOT leave the changed visibility timeout alone."
  exit 1
fi
