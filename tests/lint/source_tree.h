// The project's own files, as text.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace stillwatch::lint {

// Path relative to the project's root, and text.
using SourceTree = std::map<std::string, std::string, std::less<>>;

// Reads all files but those that are built, fetched or hidden.
SourceTree ReadSourceTree();

bool IsCpp(std::string_view path);

}  // namespace stillwatch::lint
