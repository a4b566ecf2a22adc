#!/bin/sh
# The inventory with Cloud Custodian: accounts in parallel, each with all of its regions.
#
#     with_custodian.sh SITES OUT      SITES: lines of account, access key, region; OUT: a folder
set -eu

account() {
    export AWS_ACCESS_KEY_ID="$2"
    regions=$(awk -v account="$1" '$1 == account { print "--region", $3 }' "$3")
    # shellcheck disable=SC2086
    custodian run --quiet --cache "$4/$1.cache" --output-dir "$4/$1" $regions "$(dirname "$0")/with_custodian.yml"
}

if [ "$1" = account ]; then
    shift
    account "$@"
else
    awk '!seen[$1]++ { print $1, $2 }' "$1" | xargs -P "${PARALLEL:-4}" -I '{}' sh -c '"$0" account {} "$1" "$2"' "$0" "$1" "$2"
    # One region of an account is written straight into the folder of the policy.
    find "$2" -path '*/nodes/resources.json' -exec jq '.[].InstanceId' '{}' + | sort -u | wc -l
fi
