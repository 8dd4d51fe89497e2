# The same stack for Terraform users: one CloudFormation stack of ../template.yaml.
#   terraform init && terraform apply -var 'parameters={TrackingId="0a1b2c3d", CodeBucket="BUCKET",
#     StreamProcessorCodeKey="code/....zip", ...}'
# `recsys package --bucket BUCKET` puts the Lambda zips and the nested parts into that bucket, which must be there, and
# prints CodeBucket=BUCKET and all their keys. Where the API changes, by its parameters too, give the file that
# `recsys template NAME=VALUE ...` prints: only that brings a new snapshot of it.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "region" {
  type        = string
  default     = "us-east-1"
  description = "AWS region of every resource"
}

variable "environment_suffix" {
  type        = string
  default     = "dev"
  description = "Ends every resource name, so that several environments can live in one account"
}

variable "template" {
  type        = string
  default     = ""
  description = "The template; empty for the one beside this module"
}

variable "parameters" {
  type        = map(string)
  default     = {}
  description = "Parameters of the template beside EnvironmentSuffix; those left out keep the template's defaults"
}

variable "owner" {
  type        = string
  default     = "data-science"
  description = "Whom to ask before deleting it"
}

variable "expiry" {
  type        = string
  default     = "never"
  description = "Day from which it may be deleted, such as 2030-12-31"
}

provider "aws" {
  region = var.region
}

resource "aws_cloudformation_stack" "recsys" {
  name          = "recsys-${var.environment_suffix}"
  template_body = file(coalesce(var.template, "${path.module}/../template.yaml"))
  capabilities  = ["CAPABILITY_IAM"]
  parameters    = merge(var.parameters, { EnvironmentSuffix = var.environment_suffix })
  tags = {
    project = "recsys"
    stage   = var.environment_suffix
    region  = var.region
    run     = "by-hand"
    owner   = var.owner
    expiry  = var.expiry
  }
}

output "outputs" {
  value       = aws_cloudformation_stack.recsys.outputs
  description = "The stack's outputs: BucketName, RoleArn, and what the parameters brought"
}
