#!/usr/bin/env bash
# Deploys the stack with the plain AWS CLI; run again, it changes only what changed.
#   scripts/deploy.sh [--yes] [SUFFIX [NAME=VALUE ...]]      such as: scripts/deploy.sh dev TrackingId=0a1b2c3d
# The first run makes the bucket; once it is there the Lambda zips are put into it. A parameter not named keeps its value.
# OWNER and EXPIRY (a day, such as 2030-12-31) of the environment are tags on every resource.
set -euo pipefail
yes=""
if [[ "${1:-}" == "--yes" ]]; then yes=1; shift; fi
suffix="${1:-dev}"
shift || true
stack="recsys-$suffix"
region="${AWS_REGION:-${AWS_DEFAULT_REGION:-$(aws configure get region)}}"
template="$(mktemp)"
trap 'rm -f "$template"' EXIT
# An API's deployment is named after the parameters, those given earlier too.
stands="$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
  --query "Stacks[0].Parameters[].[ParameterKey, ParameterValue]" 2> /dev/null | sed $'s/\t/=/')" || true
mapfile -t given <<< "${stands:-EnvironmentSuffix=$suffix}"
recsys template "${given[@]}" "$@" > "$template"
code=""
for each in "${given[@]}" "$@"; do
  if [[ "$each" == CodeBucket=* ]]; then code="${each#*=}"; fi
done

deploy() {
  aws cloudformation deploy --stack-name "$stack" --template-file "$template" --capabilities CAPABILITY_IAM \
    --no-fail-on-empty-changeset --tags project=recsys "stage=$suffix" run=by-hand \
    "region=$region" "owner=${OWNER:-$(id -un)}" "expiry=${EXPIRY:-never}" \
    --parameter-overrides "EnvironmentSuffix=$suffix" "$@"
}

output() {
  aws cloudformation describe-stacks --stack-name "$stack" --output text \
    --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}

where="${AWS_ENDPOINT_URL:-AWS account $(aws sts get-caller-identity --query Account --output text)}"
if [[ -z "$yes" ]]; then
  read -r -p "Deploy $stack to $where? What it costs: recsys cost. [y/N] " answer
  [[ "$answer" == [yY]* ]] || { echo "nothing was changed"; exit 1; }
fi
[[ -n "$stands" ]] || deploy
packaged="$(recsys package --bucket "${code:-$(output BucketName)}")"
mapfile -t keys <<< "$packaged"
deploy "${keys[@]:1}" "$@" # all but CodeBucket: that is this stack's own, or given
aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].Outputs" --output table
