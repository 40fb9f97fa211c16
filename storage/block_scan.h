// Goes through the blocks of the event log as they are stored, around what cannot be read.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "proto/result.h"
#include "storage/event_log.h"
#include "storage/key_value_store.h"

namespace stillwatch::storage {

std::string BlockKey(uint64_t first_sequence);
bool ReadBlockKey(std::string_view key, uint64_t& first_sequence);
// The header of a block, if it is undamaged and stands under its own key.
std::optional<BlockSummary> ReadBlockSummary(std::string_view key, std::string_view block);

// Visits the stored blocks whose first event is `from` or a later one, in order; `visit` returns false to stop. Where
// the store cannot read its own files it goes on behind them, notes them as damaged and calls `on_unreadable` with the
// sequence from which on something is missing. Errors: those of the store, but kDataLoss.
Status ScanBlocks(const Snapshot& snapshot, uint64_t from,
                  const std::function<bool(std::string_view key, std::string_view block)>& visit,
                  const std::function<void(uint64_t sequence)>& on_unreadable);

// Notes each thing that is wrong with a block in the snapshot's register, with the block's first sequence, its times if
// they can be read, and the column. Returns their number: 0 for a sound block.
size_t NoteDamagedBlock(const Snapshot& snapshot, std::string_view key, std::string_view block);

}  // namespace stillwatch::storage
