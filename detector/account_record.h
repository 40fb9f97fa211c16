// An account as a checkpoint keeps it.
#pragma once

#include <optional>
#include <string_view>

#include "detector/account_state.h"
#include "storage/shared_bytes.h"

namespace stillwatch::detector {

// Of account records and of the checkpoint's header. A change of any of the plain structs in them needs a new one.
inline constexpr uint8_t kCheckpointVersion = 10;

// The layout is in storage/FORMAT.md.
storage::SharedBytes EncodeRecord(std::string_view organization_id, const LiveState& state);
// Reads the state and returns the organisation's id, which points into `record`; nothing, with an unspecified state, if it
// is not a record of this version.
std::optional<std::string_view> ReadRecord(std::string_view record, LiveState& state);

}  // namespace stillwatch::detector
