// What this program is.
#pragma once

#include <string_view>

namespace stillwatch::query {

// "major.minor.patch".
std::string_view Version();
// Compiler and build type.
std::string_view Build();
// Instruction set of the kernels in use.
std::string_view InstructionSet();

}  // namespace stillwatch::query
