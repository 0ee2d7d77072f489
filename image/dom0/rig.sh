# SPDX-License-Identifier: MIT
# The tests' shell, for dom0 and, as /etc/rig.sh, for guests, where `break` ends it. A line is `LENGTH COMMAND`: a serial
# line under emulation loses characters, and a line whose length is wrong is asked for again. Answers: @@go@@ when a line
# is accepted, then the output of the command, then its exit code between markers. Kernel warnings keep off the console.
stty -echo icrnl 2>/dev/null
dmesg -n 4
echo "@@ready@@"
while IFS= read -r line; do
    command=${line#* }
    if [ "${line%% *}" != ${#command} ]; then
        echo "@@again@@"
        continue
    fi
    echo "@@go@@"
    eval "$command"
    echo "@@rc=$?@@"
done
stty echo 2>/dev/null
