// Who may include whom.
#pragma once

#include <string>
#include <vector>

#include "tests/lint/source_tree.h"

namespace stillwatch::lint {

// Finds includes that break the order of the modules, each as "file: reason". Looks through our own headers, so that a
// module which must not see a library does not see it by way of another module's header either.
std::vector<std::string> FindLayeringViolations(const SourceTree& tree);

// The modules that have rules, lowest first.
const std::vector<std::string>& LayeredModules();

}  // namespace stillwatch::lint
