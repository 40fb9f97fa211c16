// How much memory there is.
#pragma once

#include <cstdint>

namespace stillwatch::daemon {

// Bytes of the machine, or of the control group that the process runs in (memory.max of cgroup v2), if that allows less.
uint64_t MachineMemoryBytes();

}  // namespace stillwatch::daemon
