# SPDX-License-Identifier: MIT
# The tests' shell: runs each line it reads and ends its output with the exit code between markers.
stty -echo -icrnl 2>/dev/null
stty icrnl
echo "@@ready@@"
while IFS= read -r line; do
    eval "$line"
    echo "@@rc=$?@@"
done
