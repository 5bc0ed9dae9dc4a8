# SPDX-License-Identifier: MIT OR Apache-2.0
# Nothing that was released has changed in the C ABI, and the comparison would notice.
. ci/lib.sh
ci/abi.sh --self-test
ci/abi.sh
