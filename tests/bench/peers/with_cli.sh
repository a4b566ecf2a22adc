#!/bin/sh
# The inventory with the AWS CLI: sites in parallel, the CLI's own paging, details where a row shows a need.
#
#     with_cli.sh SITES OUT      SITES: lines of account, access key, region; OUT: a folder
set -eu

site() {
    account=$1 region=$3 out=$4/$1-$3
    export AWS_ACCESS_KEY_ID="$2" AWS_DEFAULT_REGION="$region"
    mkdir -p "$out"
    cd "$out"

    aws ec2 describe-instances --page-size 1000 --output json \
        --filters Name=instance-state-name,Values=pending,running,stopping,stopped \
        --query 'Reservations[].Instances[].{id:InstanceId,state:State.Name,stopped:StateTransitionReason,image:ImageId,type:InstanceType,zone:Placement.AvailabilityZone,launched:LaunchTime,tags:Tags,volumes:BlockDeviceMappings[].Ebs.VolumeId}' \
        > instances.json
    aws ssm describe-instance-information --page-size 50 --output json \
        --query 'InstanceInformationList[].{id:InstanceId,agent:PingStatus,pinged:LastPingDateTime,system:PlatformName,version:PlatformVersion}' \
        > managed.json
    aws ssm describe-patch-baselines --page-size 100 > baselines.json
    aws ssm describe-patch-groups --page-size 100 > patch-groups.json
    aws autoscaling describe-auto-scaling-groups --page-size 100 > groups.json
    aws autoscaling describe-policies --page-size 100 > policies.json
    aws ec2 describe-launch-templates --page-size 200 > templates.json
    aws ec2 describe-launch-template-versions --versions '$Latest' '$Default' --page-size 200 > versions.json
    aws ec2 describe-images --owners self --include-deprecated > images.json

    jq -r '.AutoScalingGroups[].AutoScalingGroupName' groups.json | while read -r group; do
        aws autoscaling describe-lifecycle-hooks --auto-scaling-group-name "$group" > "hooks-$group.json"
        aws autoscaling describe-instance-refreshes --auto-scaling-group-name "$group" --max-records 1 > "refresh-$group.json"
    done
    jq -r '.[].image' instances.json | sort -u | while read -r image; do
        aws ec2 get-image-ancestry --image-id "$image" > "ancestry-$image.json" || true
    done
    jq -r '.[].id | select(startswith("mi-"))' managed.json | while read -r node; do
        aws ssm list-tags-for-resource --resource-type ManagedInstance --resource-id "$node" > "tags-$node.json"
    done

    jq -r '.[].id' managed.json | xargs -n 50 aws ssm describe-instance-patch-states --output json \
        --query 'InstancePatchStates[].{id:InstanceId,missing:MissingCount,failed:FailedCount,pending:InstalledPendingRebootCount,rejected:InstalledRejectedCount,baseline:BaselineId,at:OperationEndTime}' \
        --instance-ids > rows.json
    jq -r '.[] | select(.missing + .failed + .pending + .rejected > 0).id' rows.json | while read -r node; do
        aws ssm describe-instance-patches --instance-id "$node" --page-size 100 --output json \
            --filters Key=State,Values=Missing,Failed,InstalledPendingReboot,InstalledRejected \
            --query 'Patches[].{id:KBId,severity:Severity,state:State,cves:CVEIds}' > "patches-$node.json"
    done
    if ls patches-*.json > /dev/null 2>&1; then
        jq -r '.[].cves // empty | split(",")[]' patches-*.json | sort -u | xargs -n 20 | tr ' ' , | while read -r cves; do
            aws ssm describe-available-patches --page-size 100 --filters "Key=CVE_ID,Values=$cves" \
                --query 'Patches[].{name:Name,released:ReleaseDate}' --output json
        done > released.json
    fi
}

if [ "$1" = site ]; then
    shift
    site "$@"
else
    xargs -P "${PARALLEL:-4}" -I '{}' sh -c '"$0" site {} "$1"' "$0" "$2" < "$1"
    jq -s 'map(map(.id)) | add | unique | length' "$2"/*/instances.json "$2"/*/managed.json
fi
