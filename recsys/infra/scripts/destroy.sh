#!/usr/bin/env bash
# Deletes the stack and all that is in its bucket with the plain AWS CLI; run again, it finds nothing to do.
#   scripts/destroy.sh [--yes] [SUFFIX]
# Campaigns, solutions and datasets are no part of the stack: `recsys destroy` deletes those too.
set -euo pipefail
yes=""
if [[ "${1:-}" == "--yes" ]]; then yes=1; shift; fi
stack="recsys-${1:-dev}"

if ! bucket="$(aws cloudformation describe-stacks --stack-name "$stack" --output text \
  --query "Stacks[0].Outputs[?OutputKey=='BucketName'].OutputValue" 2>&1)"; then
  [[ "$bucket" == *"does not exist"* ]] || { echo "$bucket" >&2; exit 1; }
  echo "there is no stack $stack"
  exit 0
fi
where="${AWS_ENDPOINT_URL:-AWS account $(aws sts get-caller-identity --query Account --output text)}"
if [[ -z "$yes" ]]; then
  read -r -p "Delete $stack on $where, with everything in s3://$bucket? [y/N] " answer
  [[ "$answer" == [yY]* ]] || { echo "nothing was changed"; exit 1; }
fi
empty() {  # every version and delete marker of the bucket
  for kind in Versions DeleteMarkers; do
    while entries="$(aws s3api list-object-versions --bucket "$1" --max-items 500 --output json \
      --query "{Objects: $kind[].{Key: Key, VersionId: VersionId}, Quiet: \`true\`}")" && [[ "$entries" == *VersionId* ]]; do
      refused="$(aws s3api delete-objects --bucket "$1" --delete "$entries" --query Errors --output text)"
      [[ -z "$refused" || "$refused" == None ]] || { echo "s3://$1 keeps: $refused" >&2; exit 1; }
    done
  done
}
empty "$bucket"
id="$(aws cloudformation describe-stacks --stack-name "$stack" --query "Stacks[0].StackId" --output text)"
aws cloudformation delete-stack --stack-name "$stack"
until [[ "${status:=DELETE_IN_PROGRESS}" != DELETE_IN_PROGRESS ]]; do  # `wait` would look every half minute
  sleep 2
  status="$(aws cloudformation describe-stacks --stack-name "$id" --query "Stacks[0].StackStatus" --output text)"
done
[[ "$status" == DELETE_COMPLETE ]] || { echo "$stack is $status: see its events" >&2; exit 1; }
# What AuditData recorded is kept by the stack.
aws resourcegroupstaggingapi get-resources --resource-type-filters s3 --output text \
  --tag-filters Key=project,Values=recsys "Key=stage,Values=${1:-dev}" --query "ResourceTagMappingList[].ResourceARN" |
  tr '\t' '\n' | sed -n 's/.*:::\(.\)/\1/p' | while read -r each; do
  aws s3api head-bucket --bucket "$each" > /dev/null 2>&1 || continue  # the tags outlive a bucket
  empty "$each"
  aws s3api delete-bucket --bucket "$each"
done
echo "$stack is gone"
