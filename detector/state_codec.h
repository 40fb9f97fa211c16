// An account's state in fewer bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "detector/account_state.h"

namespace stillwatch::detector {

// Appends the state to `out` without its zero bytes, of which most accounts have mostly: a sketch is sparse until it has
// seen much. The layout is in storage/FORMAT.md.
void AppendState(const LiveState& state, std::string& out);
// The state that takes up all of `bytes`, or nothing if they are not one.
std::optional<LiveState> ReadState(std::string_view bytes);

}  // namespace stillwatch::detector
