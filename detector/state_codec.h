// An account's state in fewer bytes.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "detector/account_state.h"
#include "detector/zero_bytes.h"

namespace stillwatch::detector {

// Instructions that a state is packed and unpacked with; all give the same.
struct StatePacking {
  DropZeroBytes drop = DropZeroBytesBaseline;
  PutBackZeroBytes put_back = PutBackZeroBytesBaseline;
  CountMaskOnes count_ones = CountMaskOnesBaseline;

  // The fastest that this processor has.
  static const StatePacking& Best();
};

// More bytes than any packed state has.
inline constexpr size_t kPackedStateBytesMax = 2 * sizeof(LiveState);

// Appends the state to `out` without its zero bytes, of which most accounts have mostly: a sketch is sparse until it has
// seen much. The layout is in storage/FORMAT.md.
void AppendState(const LiveState& state, std::string& out, const StatePacking& packing = StatePacking::Best());
// Reads the state that takes up all of `bytes`; false, with an unspecified state, if they are not one.
bool ReadState(std::string_view bytes, LiveState& state, const StatePacking& packing = StatePacking::Best());

}  // namespace stillwatch::detector
