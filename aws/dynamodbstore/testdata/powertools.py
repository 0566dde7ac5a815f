"""An idempotent function of Powertools for AWS Lambda (Python): endpoint, table, payload, "hold" or "".

It writes "running" when the function runs, and with "hold" returns when a line has been read. Then it writes what came
of it, as JSON.
"""

import json
import sys

import boto3
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError

endpoint, table, payload, hold = sys.argv[1:]


class Context:
    def get_remaining_time_in_millis(self):
        return 30000


config = IdempotencyConfig(lambda_context=Context())
layer = DynamoDBPersistenceLayer(table, boto3_client=boto3.client("dynamodb", endpoint_url=endpoint))


@idempotent_function(data_keyword_argument="record", config=config, persistence_store=layer)
def process(record):
    print("running", flush=True)
    if hold:
        sys.stdin.readline()
    return {"by": "python", "amounts": [1, 2.5]}


try:
    print(json.dumps({"result": process(record=json.loads(payload))}), flush=True)
except IdempotencyAlreadyInProgressError:
    print(json.dumps({"error": "in progress"}), flush=True)
