# SPDX-License-Identifier: MIT
# One program, by its name or its first word: xenstore-ls and so on are links to it.
LINKS_xenstore := $(addprefix xenstore-,ls read write rm list exists chmod watch control)
