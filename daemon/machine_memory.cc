#include "daemon/machine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace stillwatch::daemon {
namespace {

// What cgroup v2 allows the group of this process; no limit if it says none.
uint64_t ControlGroupBytes() {
  std::ifstream groups("/proc/self/cgroup");
  const std::string unified = "0::";
  for (std::string line; std::getline(groups, line);) {
    if (!line.starts_with(unified)) continue;
    uint64_t bytes = UINT64_MAX;
    std::ifstream limit("/sys/fs/cgroup" + line.substr(unified.size()) + "/memory.max");
    return limit >> bytes ? bytes : UINT64_MAX;  // Without a limit it says "max".
  }
  return UINT64_MAX;
}

}  // namespace

uint64_t MachineMemoryBytes() {
  const auto pages = static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES));
  return std::min(pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)), ControlGroupBytes());
}

}  // namespace stillwatch::daemon
