terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

variable "payments_url" {
  description = "Where orders are charged."
  type        = string
}

variable "zip" {
  description = "What make lambda has built."
  type        = string
  default     = "../../../bin/sqs-arm64.zip"
}

resource "aws_sqs_queue" "orders" {
  name                       = "orders"
  visibility_timeout_seconds = 181 # six times the function's timeout, plus the batching window
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_orders.arn
    maxReceiveCount     = 5
  })
}

resource "aws_sqs_queue" "dead_orders" {
  name                      = "dead-orders"
  message_retention_seconds = 1209600 # 14 days, the maximum

  lifecycle {
    prevent_destroy = true # its contents outlive the function
  }
}

resource "aws_lambda_function" "charge" {
  function_name    = "charge"
  filename         = var.zip
  source_code_hash = filebase64sha256(var.zip)
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = ["arm64"]
  memory_size      = 256
  timeout          = 30
  role             = aws_iam_role.charge.arn

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.charge.name
  }

  environment {
    variables = {
      GOMEMLIMIT   = "230MiB" # nine tenths of memory_size, which Go does not know
      PAYMENTS_URL = var.payments_url
    }
  }

  depends_on = [aws_iam_role_policy.charge]
}

resource "aws_lambda_event_source_mapping" "orders" {
  event_source_arn                   = aws_sqs_queue.orders.arn
  function_name                      = aws_lambda_function.charge.arn
  batch_size                         = 100
  maximum_batching_window_in_seconds = 1
  function_response_types            = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = 20 # invocations; with 16 handlers each, at most 320 requests at once
  }
}

resource "aws_cloudwatch_log_group" "charge" {
  name              = "/aws/lambda/charge"
  retention_in_days = 30
}

resource "aws_iam_role" "charge" {
  name               = "charge"
  assume_role_policy = data.aws_iam_policy_document.lambda.json
}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

# Only the permissions that the mapping and the log need.
resource "aws_iam_role_policy" "charge" {
  name   = "charge"
  role   = aws_iam_role.charge.id
  policy = data.aws_iam_policy_document.charge.json
}

data "aws_iam_policy_document" "charge" {
  statement {
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    resources = [aws_sqs_queue.orders.arn]
  }
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.charge.arn}:*"]
  }
}
